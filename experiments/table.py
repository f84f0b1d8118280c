"""Prints the table of a grid's results: `python -m experiments.table GRID.yaml [--results results] [--plain]`."""

import argparse
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from errors import InputError, require
from experiments.grid import Grid, read_grid
from experiments.intervals import CONFIDENCE, RANDOM_STATE, RESAMPLES, Estimate, mean_interval, paired_differences
from experiments.results import Row, read_rows
from experiments.run import OneLineParser

NOTHING = "-"
SHARE = re.compile(r"accuracy|fraction|recall_at|shot")
POINTS = re.compile(r"reward|regret")
#: (condition, evaluation, metric) -> seed -> value.
Values = Mapping[tuple[str, str, str], Mapping[int, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a grid's table in Markdown; returns the exit status: 0, or 2 for bad input."""
    parser = OneLineParser(prog="python -m experiments.table", description="Print the table of a grid in Markdown.")
    parser.add_argument("grid", type=Path, help="YAML file of the grid")
    parser.add_argument("--results", default="results", help="folder of its CSV (default %(default)s)")
    parser.add_argument("--plain", action="store_true", help="without the differences to the baseline")
    try:
        options: argparse.Namespace = parser.parse_args(arguments)
        grid = read_grid(options.grid)
        if options.plain:
            grid = replace(grid, baseline=None)
        print(markdown_table(grid, read_rows(Path(options.results) / f"{grid.name}.csv")))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def markdown_table(grid: Grid, rows: Sequence[Row]) -> str:
    """The grid's table, and below it how the intervals were made.

    A row a condition; for each evaluation a column a metric, and with a baseline the paired difference of the first.

    Raises:
        InputError: a metric of the grid is in none of its rows.
    """
    rows = [row for row in rows if row.condition in grid.tested and row.evaluation in grid.tests]
    known = sorted({name for row in rows for name in row.metrics})
    require(bool(known), f"there are no results of {grid.name} yet: python -m experiments.run makes them")
    for metric in grid.metrics:
        require(metric in known, f"metrics: {metric!r} is none of the results', which are {', '.join(known)}")
    values = by_seed(rows)
    seeds = max(len({row.seed for row in rows if row.condition == name}) for name in grid.tested)
    header = ["condition", *_headings(grid)]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    lines += [[name, *_cells(grid, name, values, seeds)] for name in grid.tested]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return f"{table}\n\n{_note(grid, rows, seeds)}"


def by_seed(rows: Sequence[Row]) -> Values:
    """The figures by condition, evaluation and metric, then by seed; one that is not a number is left out."""
    values: dict[tuple[str, str, str], dict[int, float]] = {}
    for row in rows:
        for name, value in row.metrics.items():
            if not math.isnan(value):
                values.setdefault((row.condition, row.evaluation, name), {})[row.seed] = value
    return values


def _headings(grid: Grid) -> list[str]:
    headings = []
    for evaluation in grid.tests:
        headings += [f"{evaluation}: {_label(metric)}" for metric in grid.metrics]
        if grid.baseline is not None:
            headings.append(f"{evaluation}: {_label(grid.metrics[0])} - baseline")
    return headings


def _label(metric: str) -> str:
    return metric.removeprefix("test/").replace("_", " ")


def _cells(grid: Grid, condition: str, values: Values, seeds: int) -> list[str]:
    """What stands in a condition's row."""
    cells = []
    for evaluation in grid.tests:
        for metric in grid.metrics:
            found = values.get((condition, evaluation, metric), {})
            cells.append(_cell(metric, list(found.values()), seeds))
        if grid.baseline is not None:
            first = grid.metrics[0]
            own, other = (values.get((name, evaluation, first), {}) for name in (condition, grid.baseline))
            differences = paired_differences(own, other) if condition != grid.baseline else []
            cells.append(_cell(first, differences, seeds, signed=True))
    return cells


def _cell(metric: str, values: Sequence[float], seeds: int, signed: bool = False) -> str:
    if not values:
        return NOTHING
    return format_estimate(metric, mean_interval(values), seeds, signed)


def format_estimate(metric: str, estimate: Estimate, seeds: int, signed: bool = False) -> str:
    """`8.37 [8.35, 8.39]`; where there are fewer values than `seeds`, how many."""
    mean, low, high = (format_value(metric, value, signed) for value in estimate[:3])
    told = mean if estimate.number == 1 else f"{mean} [{low.removesuffix(' %')}, {high.removesuffix(' %')}]"
    return told if estimate.number == seeds else f"{told} (n = {estimate.number})"


def format_value(metric: str, value: float, signed: bool = False) -> str:
    """Shares in per cent with one decimal, rewards and regrets with two, all else with four digits."""
    sign = "+" if signed else ""
    if SHARE.search(metric):
        return f"{round(100 * value, 1) + 0.0:{sign}.1f} %"  # adding zero turns -0 into 0
    return f"{round(value, 2) + 0.0:{sign}.2f}" if POINTS.search(metric) else f"{value:{sign}.4g}"


def _note(grid: Grid, rows: Sequence[Row], seeds: int) -> str:
    revisions = ", ".join(dict.fromkeys(row.revision for row in rows))
    told = f"{seeds} seed{'s' if seeds > 1 else ''} a condition"
    if seeds > 1:
        told = f"Means over {seeds} seeds with {CONFIDENCE:.0%} intervals ".replace("%", " %")
        told += f"(percentile bootstrap over seeds, {RESAMPLES} resamples, random state {RANDOM_STATE})"
    if grid.baseline is not None:
        told += f"; differences to {grid.baseline!r}, paired by seed"
    return f"{told}. Revision {revisions}."


if __name__ == "__main__":
    sys.exit(main())
