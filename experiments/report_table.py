"""A report's tables, one for each evaluation of a grid, and the note that says how they were made."""

from collections import Counter
from collections.abc import Mapping, Sequence

from experiments.baselines import STAR
from experiments.comparison import Comparison, Comparisons, compare
from experiments.formatting import (
    NOTHING,
    format_estimate,
    format_value,
    is_cost,
    markdown_rows,
    metric_label,
)
from experiments.grid import Grid
from experiments.intervals import Estimate, confidence_told, intervals_told
from experiments.report_section import ReportSection
from experiments.results import Row
from experiments.statistics import normalised

#: A condition with fewer seeds is pointed out.
ENOUGH_SEEDS = 10
NOT_SIGNIFICANT = "n. s."
SHARE, PROBABILITY = "fraction", "reward"  # the kinds of figure that these are written like


def report_tables(grid: Grid, section: ReportSection, found: Comparisons, rows: Sequence[Row]) -> str:
    """A table for each evaluation: a row a condition that is tested under it."""
    others = [compare(grid, metric, rows) for metric in section.also]
    parts = []
    for evaluation in grid.tests:
        names = [name for name in grid.tested if evaluation in grid.conditions[name].evaluations]
        lines = [
            [name, *_cells(section, evaluation, [each.get((name, evaluation)) for each in (found, *others)])]
            for name in names
        ]
        caption = [f"**Evaluation: {evaluation}**"] if len(grid.tests) > 1 else []
        parts += [*caption, _without_empty_columns(_header(grid, section), lines)]
    return "\n\n".join(parts)


def _header(grid: Grid, section: ReportSection) -> list[str]:
    better = "lower" if is_cost(section.metric) else "higher"
    baseline = "baseline" if grid.baseline is not None else ""
    return [
        "condition",
        metric_label(section.metric),
        "normalised",
        f"difference to {baseline}",
        f"P({better} than {baseline})",
        *map(metric_label, section.also),
        "seeds",
    ]


def _cells(section: ReportSection, evaluation: str, comparisons: Sequence[Comparison | None]) -> list[str]:
    """Of the section's metric, then of those that are shown `also`."""
    found, *others = comparisons
    further = [
        NOTHING if other is None else format_estimate(metric, other.score, other.seeds)
        for metric, other in zip(section.also, others, strict=True)
    ]
    if found is None:
        return [NOTHING, NOTHING, NOTHING, NOTHING, *further, "0"]
    metric, seeds = section.metric, found.seeds
    cells = [format_estimate(metric, found.score, seeds), NOTHING, NOTHING, NOTHING, *further, str(seeds)]
    if (scale := section.scale(evaluation)) is not None:
        cells[1] = format_estimate(SHARE, _normalised(found.score, *scale), seeds)
    if found.difference is not None:
        mark = "" if found.is_significant else f" {NOT_SIGNIFICANT}"
        # A digit more, so that a bound that is near 0 can be told from it.
        cells[2] = format_estimate(metric, found.difference, seeds, signed=True, finer=1) + mark
    if found.improvement is not None:
        cells[3] = format_estimate(PROBABILITY, found.improvement, seeds)
    return cells


def _normalised(estimate: Estimate, chance: float, ideal: float) -> Estimate:
    """The interval moves with the scores; where less is better, its bounds change places."""
    value, *bounds = normalised(estimate[:3], chance, ideal)
    return Estimate(value, min(bounds), max(bounds), estimate.number)


def _without_empty_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [place for place in range(len(header)) if any(row[place] != NOTHING for row in rows)]
    return markdown_rows([header[place] for place in kept], [[row[place] for place in kept] for row in rows])


def report_note(grid: Grid, section: ReportSection, found: Comparisons, rows: Sequence[Row]) -> str:
    """How many seeds, how the intervals were made, what the columns mean, and which sources it was made with."""
    seeds = seeds_by_condition(grid, found)
    label, better = metric_label(section.metric), "lower" if is_cost(section.metric) else "higher"
    told = [
        f"Interquartile means of the {label} over {_range(seeds)} a condition, in brackets {confidence_told()} "
        f"intervals ({intervals_told()})."
    ]
    if section.chance is not None:
        chance, ideal = (_level_told(section.metric, level) for level in (section.chance, section.ideal))
        told.append(f"Normalised: 0 % is chance ({chance}), 100 % the ideal player ({ideal}).")
    if any(comparison.difference is not None for comparison in found.values()):
        told += [
            f"{_baseline_told(grid)} Differences to it are interquartile means of those of the same seeds; "
            f"{NOT_SIGNIFICANT} (not significant): the interval holds 0, or there is none.",
            f"P: how likely a run has a {better} {label} than one of the baseline, ties counting half.",
            "Intervals are not corrected for the number of comparisons.",
        ]
    revisions = dict.fromkeys(part for row in rows for part in row.revision.split("/"))
    told.append(f"Revision{'s' if len(revisions) > 1 else ''} {', '.join(revisions)}.")
    return "\n\n".join([" ".join(told), *_warning(seeds)])


def _level_told(metric: str, level: float | Mapping[str, float] | None) -> str:
    """`8.43`, or `8.43; under 'five arms' 8.75` where evaluations differ: what most have goes first."""
    if not isinstance(level, Mapping):
        return NOTHING if level is None else format_value(metric, level)
    common, _ = Counter(level.values()).most_common(1)[0]
    others = (f"under {name!r} {format_value(metric, value)}" for name, value in level.items() if value != common)
    return "; ".join([format_value(metric, common), *others])


def _baseline_told(grid: Grid) -> str:
    stands = ", where the star stands for what follows the comma in a condition's name" * (STAR in str(grid.baseline))
    return f"The baseline is {grid.baseline!r}{stands}."


def seeds_by_condition(grid: Grid, found: Comparisons) -> dict[str, int]:
    """The fewest seeds that a condition has under one of its evaluations."""
    return {
        name: min(found[name, test].seeds if (name, test) in found else 0 for test in grid.conditions[name].evaluations)
        for name in grid.tested
    }


def _range(seeds: Mapping[str, int]) -> str:
    low, high = min(seeds.values()), max(seeds.values())
    return f"{low} to {high} seeds" if low != high else f"{low} seed{'s' if low != 1 else ''}"


def few_seeds(grid: Grid, found: Comparisons) -> str:
    """`3 to 5 seeds`, of those conditions that have too few; empty where none has."""
    few = _too_few(seeds_by_condition(grid, found))
    return _range(few) if few else ""


def _too_few(seeds: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in seeds.items() if number < ENOUGH_SEEDS}


def _warning(seeds: Mapping[str, int]) -> list[str]:
    """Which conditions have too few seeds, if any."""
    few = _too_few(seeds)
    if not few:
        return []
    names = ", ".join(f"{name!r} ({number})" for name, number in few.items())
    which = f"every condition has {_range(few)}" if len(few) == len(seeds) else names
    return [f"**Fewer than {ENOUGH_SEEDS} seeds:** {which}. With so few, bootstrap intervals come out too narrow."]
