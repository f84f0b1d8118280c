"""The table of metrics that a command ends with: about a dozen rows, beside what is known about them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.table import Table

from launcher.summaries.references import References

#: Metrics that come first, in this order.
HEADLINES = (
    "reward",
    "ideal_fraction",
    "recall_accuracy",
    "stay_episodic",
    "stay_uncued",
    "reconstruction_mse",
    "accuracy",
    "20way_1shot",
    "20way_5shot",
    "5way_1shot",
    "5way_5shot",
    "recall_at_1",
    "map_at_r",
    "regret",
    "steps_to_goal",
    "found",
    "nothing_recalled",
    "slots_in_use",
)
#: Rows of a table.
MOST = 14
#: A metric by exposure, pull, presentation or step.
NUMBERED = re.compile(r"(.+_)(\d\d+)(_.*)?$")


def headline_metrics(names: Iterable[str], most: int | None = None) -> list[str]:
    """Choose the metrics to show, the most telling ones first.

    Of metrics that differ only in a number, the first two and the last are shown; variants for rotated drawings never.

    >>> headline_metrics(["test/x_pull_01", "test/x_pull_02", "test/x_pull_03", "test/x_pull_10", "test/reward"])
    ['test/reward', 'test/x_pull_01', 'test/x_pull_02', 'test/x_pull_10']
    """
    known = [name for name in names if not name.endswith("_rotated")]
    numbers: dict[tuple[str | None, ...], list[int]] = {}
    for name in known:
        if match := NUMBERED.match(name):
            numbers.setdefault((match[1], match[3]), []).append(int(match[2]))
    shown = [name for name in known if _is_telling(name, numbers)]
    return sorted(shown, key=_rank)[: most or MOST]


def _is_telling(name: str, numbers: Mapping[tuple[str | None, ...], Sequence[int]]) -> bool:
    match = NUMBERED.match(name)
    if match is None:
        return True
    family = sorted(numbers[match[1], match[3]])
    return int(match[2]) in (*family[:2], family[-1])


def _rank(name: str) -> tuple[int, int, str]:
    kind = name.partition("/")[2]
    order = [place for place, headline in enumerate(HEADLINES) if f"{kind}_".startswith(f"{headline}_")]
    return bool(NUMBERED.match(kind)), min(order, default=len(HEADLINES)), name


def metric_table(metrics: Mapping[str, float], known: Mapping[str, References]) -> Table:
    """Lay out metrics with four significant digits, with a column for each kind of reference that any of them has."""
    columns = [field for field in References._fields if any(getattr(row, field) is not None for row in known.values())]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("metric")
    table.add_column("this run", justify="right", style="bold")
    for column in columns:
        table.add_column(column, justify="right")
    for name, value in metrics.items():
        beside = known.get(name, References())
        table.add_row(name, f"{value:.4g}", *(_shown(getattr(beside, column)) for column in columns))
    return table


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
