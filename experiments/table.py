"""Prints the table of a grid's results: `python -m experiments.table GRID.yaml [--results results] [--plain]`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from experiments.command import OneLineParser, in_one_line
from experiments.formatting import NOTHING, format_estimate, markdown_rows, metric_label
from experiments.grid import Grid, read_grid
from experiments.grid_rows import rows_of_grid
from experiments.intervals import confidence_told, intervals_told, mean_interval, paired_differences
from experiments.results import Row, Values, by_seed, read_rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a grid's table in Markdown; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    return in_one_line(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    grid = read_grid(options.grid)
    if options.plain:
        grid = replace(grid, baseline=None)
    print(markdown_table(grid, read_rows(Path(options.results) / f"{grid.name}.csv")))
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.table", description="Print the table of a grid in Markdown.")
    parser.add_argument("grid", type=Path, help="YAML file of the grid")
    parser.add_argument("--results", default="results", help="folder of its CSV (default %(default)s)")
    parser.add_argument("--plain", action="store_true", help="without the differences to the baseline")
    return parser


def markdown_table(grid: Grid, rows: Sequence[Row]) -> str:
    """The grid's table, and below it how the intervals were made.

    A row a condition; for each evaluation a column a metric, and with a baseline the paired difference of the first.

    Raises:
        InputError: a metric of the grid is in none of its rows.
    """
    rows = rows_of_grid(grid, rows, grid.metrics)
    values = by_seed(rows)
    seeds = max(len({row.seed for row in rows if row.condition == name}) for name in grid.tested)
    header = ["condition", *_headings(grid)]
    table = markdown_rows(header, [[name, *_cells(grid, name, values, seeds)] for name in grid.tested])
    return f"{table}\n\n{_note(grid, rows, seeds)}"


def _headings(grid: Grid) -> list[str]:
    headings = []
    for evaluation in grid.tests:
        headings += [f"{evaluation}: {metric_label(metric)}" for metric in grid.metrics]
        if grid.baseline is not None:
            headings.append(f"{evaluation}: {metric_label(grid.metrics[0])} - baseline")
    return headings


def _cells(grid: Grid, condition: str, values: Values, seeds: int) -> list[str]:
    """What stands in a condition's row."""
    cells = []
    for evaluation in grid.tests:
        for metric in grid.metrics:
            found = values.get((condition, evaluation, metric), {})
            cells.append(_cell(metric, list(found.values()), seeds))
        if grid.baseline is not None:
            first = grid.metrics[0]
            other = grid.baseline_of(condition) or ""
            differences = paired_differences(
                *(values.get((name, evaluation, first), {}) for name in (condition, other))
            )
            cells.append(_cell(first, differences, seeds, signed=True))
    return cells


def _cell(metric: str, values: Sequence[float], seeds: int, signed: bool = False) -> str:
    if not values:
        return NOTHING
    return format_estimate(metric, mean_interval(values), seeds, signed)


def _note(grid: Grid, rows: Sequence[Row], seeds: int) -> str:
    revisions = ", ".join(dict.fromkeys(row.revision for row in rows))
    told = f"{seeds} seed{'s' if seeds > 1 else ''} a condition"
    if seeds > 1:
        told = f"Means over {seeds} seeds with {confidence_told()} intervals ({intervals_told()})"
    if grid.baseline is not None:
        told += f"; differences to {grid.baseline!r}, paired by seed"
    return f"{told}. Revision {revisions}."


if __name__ == "__main__":
    sys.exit(main())
