"""The report's tables: a short one for its first page, and all of them for a question's own page."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from experiments.planning.grid import EVALUATION, Grid, level_name
from experiments.planning.grid_file import Report
from experiments.tables.comparison import Comparison, Comparisons, compare
from experiments.tables.formatting import (
    NOTHING,
    format_estimate,
    format_value,
    is_cost,
    markdown_table,
    metric_label,
)
from experiments.tables.statistics import METHOD, Statistic, interquartile_mean, normalised

NOT_SIGNIFICANT = "n. s."
#: The last section of the report, which every question's page links to.
HOW_TO_READ = f"""## How to read the tables

- Scores are interquartile means over seeds, with 95 % intervals ({METHOD}).
- *Normalised*: 0 % is chance and 100 % the ideal player. Each page gives their rewards.
- *Difference to baseline*: the interquartile mean of the differences between equal seeds. {NOT_SIGNIFICANT} (not
  significant): the interval contains 0, or there is no interval.
- *P*: the probability that a run has a higher score (or a lower one, for a cost) than a run of the baseline; ties count
  half.
- Intervals are not corrected for the number of comparisons."""
SHARE, PROBABILITY = "fraction", "reward"  # the kinds of number that these are written like


def short_table(grid: Grid, metric: str, compared: Comparisons) -> str:
    """Return the means with their intervals: a row for each combination of all axes but the last with several levels.

    That axis, or the evaluations if there are several, has the columns.
    """
    several = [name for name, axis in grid.file.axes.items() if len(axis.all) > 1]
    across = EVALUATION if len(grid.file.evaluations) > 1 else several[-1] if len(several) > 1 else ""
    cells: dict[str, dict[str, str]] = {}
    columns: dict[str, None] = {}
    for condition in grid.conditions:
        for test in grid.evaluations_of(condition):
            levels = {name: level_name(name, axis, condition.levels[name]) for name, axis in grid.file.axes.items()}
            column = test if across == EVALUATION else levels.pop(across, metric_label(metric))
            row = ", ".join(levels.values())
            columns[column] = None
            if (found := compared.get((condition.name, test))) is not None:
                cells.setdefault(row, {})[column] = format_estimate(metric, found.score, found.score.number)
    header = ["", *columns]
    return markdown_table(header, [[row, *(own.get(name, NOTHING) for name in columns)] for row, own in cells.items()])


def full_tables(grid: Grid, report: Report, frame: pd.DataFrame, statistic: Statistic = interquartile_mean) -> str:
    """Return a table for each evaluation: a row for each condition that is tested under it."""
    metric = report.metric or grid.file.metrics[0]
    compared, *others = [compare(grid, name, frame, statistic) for name in (metric, *report.also)]
    parts = []
    for evaluation in grid.file.evaluations:
        names = [own.name for own in grid.conditions if evaluation in grid.evaluations_of(own)]
        lines = [
            [name, *_cells(grid, report, evaluation, [each.get((name, evaluation)) for each in (compared, *others)])]
            for name in names
        ]
        caption = [f"**Evaluation: {evaluation}**"] if len(grid.file.evaluations) > 1 else []
        parts += [*caption, _without_empty_columns(_header(grid, report), lines)]
    return "\n\n".join(parts)


def _header(grid: Grid, report: Report) -> list[str]:
    metric = report.metric or grid.file.metrics[0]
    better = "lower" if is_cost(metric) else "higher"
    return [
        "condition",
        metric_label(metric),
        "normalised",
        "difference to baseline",
        f"P({better} than baseline)",
        *map(metric_label, report.also),
        "seeds",
    ]


def _cells(grid: Grid, report: Report, evaluation: str, comparisons: Sequence[Comparison | None]) -> list[str]:
    """Return the cells of the report's metric, then of those that are shown `also`."""
    own, *others = comparisons
    further = [
        NOTHING if other is None else format_estimate(metric, other.score, other.score.number)
        for metric, other in zip(report.also, others, strict=True)
    ]
    if own is None:
        return [NOTHING, NOTHING, NOTHING, NOTHING, *further, "0"]
    metric, seeds = report.metric or grid.file.metrics[0], own.score.number
    cells = [format_estimate(metric, own.score, seeds), NOTHING, NOTHING, NOTHING, *further, str(seeds)]
    if (scale := report.scale(evaluation)) is not None:
        cells[1] = format_estimate(SHARE, normalised(own.score, *scale), seeds)
    if own.difference is not None:
        mark = "" if own.is_significant else f" {NOT_SIGNIFICANT}"
        # A digit more, so that a bound near 0 can be distinguished from 0.
        cells[2] = format_estimate(metric, own.difference, seeds, signed=True, finer=1) + mark
    if own.improvement is not None:
        cells[3] = format_estimate(PROBABILITY, own.improvement, seeds)
    return cells


def _without_empty_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [place for place in range(len(header)) if any(row[place] != NOTHING for row in rows)]
    return markdown_table([header[place] for place in kept], [[row[place] for place in kept] for row in rows])


def report_note(grid: Grid, report: Report, compared: Comparisons, frame: pd.DataFrame) -> str:
    """Return what a grid's tables rest on: seeds, levels of the normalisation, baseline, revisions of the sources."""
    metric = report.metric or grid.file.metrics[0]
    seeds = seeds_of(grid, compared)
    parts = [f"Interquartile means over {_range(seeds)} per condition, with 95 % intervals."]
    if report.chance is not None and report.ideal is not None:
        chance, ideal = (_level(metric, level) for level in (report.chance, report.ideal))
        parts.append(f"Normalised: 0 % is chance ({chance}), 100 % the ideal player ({ideal}).")
    if any(comparison.difference is not None for comparison in compared.values()):
        levels = ", ".join(level_name(name, grid.file.axes[name], level) for name, level in grid.file.baseline.items())
        parts.append(f"The baseline of a condition has {levels!r} and otherwise the same levels.")
    revisions = dict.fromkeys(part for revision in frame["revision"].astype(str) for part in revision.split("/"))
    parts.append(f"Revision{'s' if len(revisions) > 1 else ''} {', '.join(revisions)}.")
    return " ".join(parts)


def _level(metric: str, level: float | Mapping[str, float]) -> str:
    """Return `8.43`, or `8.43; under 'five arms' 8.75` if evaluations differ: the most common value goes first."""
    if not isinstance(level, Mapping):
        return format_value(metric, level)
    common, _ = Counter(level.values()).most_common(1)[0]
    others = (f"under {name!r} {format_value(metric, value)}" for name, value in level.items() if value != common)
    return "; ".join([format_value(metric, common), *others])


def seeds_of(grid: Grid, compared: Comparisons) -> dict[str, int]:
    """Return the fewest seeds that each condition has under one of its evaluations."""
    return {
        condition.name: min(
            compared[condition.name, test].score.number if (condition.name, test) in compared else 0
            for test in grid.evaluations_of(condition)
        )
        for condition in grid.conditions
    }


def _range(seeds: Mapping[str, int]) -> str:
    low, high = min(seeds.values()), max(seeds.values())
    return f"{low} to {high} seeds" if low != high else f"{low} seed{'s' if low != 1 else ''}"
