"""Prints the table of a grid's results: `python -m experiments.table experiments/grids/NAME.yaml`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.planning.grid_file import Report
from experiments.planning.grid_reader import read_grid
from experiments.report.page_tables import full_tables
from experiments.tables.files import read_results
from experiments.tables.statistics import METHOD, mean


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a grid's means in Markdown; returns the exit status: 0, 2 for invalid input, 130 after Ctrl-C."""
    parser = OneLineParser(prog="python -m experiments.table", description="Print the table of a grid in Markdown.")
    parser.add_argument("grid", type=Path, help="YAML file of the grid")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of its CSV (default %(default)s)")
    parser.add_argument("--plain", action="store_true", help="without comparisons with the baseline")
    return one_line(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    grid = read_grid(options.grid)
    if options.plain:
        grid = replace(grid, file=replace(grid.file, baseline={}))
    frame = read_results(grid, options.results)
    print(full_tables(grid, Report("", "", also=grid.file.metrics[1:]), frame, mean))
    revisions = ", ".join(dict.fromkeys(map(str, frame["revision"])))
    print(f"\nMeans over seeds with 95 % intervals ({METHOD}). Revision {revisions}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
