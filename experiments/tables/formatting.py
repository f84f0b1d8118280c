"""How numbers are written in tables: by their kind, with their intervals."""

import math
import re
from collections.abc import Sequence

from experiments.tables.statistics import Estimate

NOTHING = "-"
SHARE = re.compile(
    r"accuracy|fraction|recall_at|shot|nothing_recalled|presentation|map_at_r|within_alphabet_error|stay_|found"
)
POINTS = re.compile(r"reward|regret")
COST = re.compile(r"regret|error|loss|mse|steps_to_goal")


def metric_label(metric: str) -> str:
    """Return `test/recall_accuracy` as `recall accuracy`."""
    return metric.removeprefix("test/").replace("_", " ")


def is_cost(metric: str) -> bool:
    """Return whether less of a metric is better."""
    return COST.search(metric) is not None


def format_estimate(metric: str, estimate: Estimate, seeds: int, signed: bool = False, finer: int = 0) -> str:
    """Return `8.37 [8.35, 8.39]`, or `8.37` if the interval has no width at this precision.

    The number of values follows if there are fewer than `seeds`.
    """
    middle, low, high = (format_value(metric, value, signed, finer) for value in estimate[:3])
    without = math.isnan(estimate.low) or low == middle == high
    text = middle if without else f"{middle} [{low.removesuffix(' %')}, {high.removesuffix(' %')}]"
    return text if estimate.number == seeds else f"{text} (n = {estimate.number})"


def format_value(metric: str, value: float, signed: bool = False, finer: int = 0) -> str:
    """Return shares in per cent with one decimal, rewards and regrets with two, all else with four digits.

    >>> format_value("test/reward", 8.3712), format_value("test/recall_accuracy", 0.5), format_value("x", 0.5, True)
    ('8.37', '50.0 %', '+0.5')
    """
    sign = "+" if signed else ""
    if SHARE.search(metric):
        return f"{_rounded(100 * value, 1 + finer, sign)} %"
    return _rounded(value, 2 + finer, sign) if POINTS.search(metric) else f"{value:{sign}.{4 + finer}g}"


def _rounded(value: float, digits: int, sign: str) -> str:
    """With a sign, `-0.00` and `+0.00` are small, and `0.00` is nothing; without one, there is no `-0.00`."""
    if sign and value == 0:
        return f"{0:.{digits}f}"
    return f"{value:{sign}.{digits}f}" if sign else f"{round(value, digits) + 0.0:.{digits}f}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first column is flush left, the others right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
