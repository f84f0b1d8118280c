"""Trains and tests a grid: `python -m experiments.run experiments/grids/NAME.yaml`.

After an interruption, or when the grid has grown, the same command continues.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from episodic.errors import require
from experiments.commands import RESULTS, ROOT, OneLineParser, require_folder, resumable
from experiments.engine.cluster import ClusterOptions, add_cluster_options, cluster_options
from experiments.engine.job import is_done
from experiments.engine.scheduling import run_jobs
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import read_grid
from experiments.planning.plan import Cell, grid_cells
from experiments.tables.files import csv_path, write_results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a grid; returns the exit status: 0, 1 if a job failed, 2 for invalid input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    grid = read_grid(options.grid)
    if options.list:
        return list_jobs(grid, options.root)
    return run_grid(grid, options.root, options.results, cluster_options(options), options.only, options.seeds)


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.run", description="Train and test a grid of experiments.")
    parser.add_argument("grid", type=Path, help="YAML file of the grid")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of all runs (default %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV (default %(default)s)")
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="only conditions whose name contains this text")
    parser.add_argument("--seeds", type=int, metavar="N", help="only the first N seeds of the grid")
    parser.add_argument("--list", action="store_true", help="list all tests with their folders, and run nothing")
    add_cluster_options(parser)
    return parser


def run_grid(
    grid: Grid, root: Path, results: Path, options: ClusterOptions, only: str = "", seeds: int | None = None
) -> int:
    """Do what is left of a grid; returns the exit status: 0, or 1 if a job failed.

    Args:
        grid: the grid.
        root: folder of all runs.
        results: folder of the CSV. While the grid is incomplete, a CSV with more rows stays as it is, and the new
            rows are written to `root`.
        options: of the cluster; without workers only the CSV is written.
        only: conditions whose name contains it, with what they need.
        seeds: how many of the grid's seeds, from the first; None: all.

    Raises:
        InputError: one of these is wrong.
    """
    require_folder(root=root, results=results)
    require(seeds is None or seeds > 0, f"--seeds is {seeds}: it must be 1 or more")
    cells = grid_cells(grid, root)
    first = grid.file.seeds[:seeds]
    chosen = [cell for cell in cells if only in cell.condition.name and cell.seed in first]
    known = ", ".join(repr(condition.name) for condition in grid.conditions)
    require(bool(chosen), f"--only is {only!r}: it must be part of a condition's name, of {known}")
    samples = {(cell.condition.name, cell.evaluation): cell.test for cell in reversed(chosen)}  # with the first seed
    tests = [cell.test for cell in chosen]
    try:
        found = run_jobs(tests, options, lambda: write_results(grid, cells, results, root), list(samples.values()))
    finally:
        written = write_results(grid, cells, results, root)
    found.print()
    kept = csv_path(results, grid.name)
    stays = "" if written.csv.resolve() == kept.resolve() else f"; {kept} stays until the grid is complete"
    print(f"{len(written.frame)} of {len(cells)} rows in {written.csv}{stays}")
    return int(bool(found.failed))


def list_jobs(grid: Grid, root: Path) -> int:
    """Print every test with its state and the folders of the training and the test."""
    cells: list[Cell] = grid_cells(grid, root)
    for cell in cells:
        state = "done" if is_done(cell.test) else "to do"
        print(f"{state}: {cell.test.title}: {cell.training.run.path}, {cell.test.run.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
