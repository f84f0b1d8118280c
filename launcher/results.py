"""`make results`: runs every grid of the report, one after the other, then writes the report.

Interrupted, it goes on where it was. What is in the folder of results is replaced once a grid is complete, not before.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from errors import require
from experiments import reproduction
from experiments.agreement import agreement
from experiments.grid import Grid, read_grid
from experiments.grid_files import csv_path, grid_paths
from experiments.jobs import grid_cells
from experiments.report import OUTPUT, read_entries, write_report
from experiments.results import read_rows
from experiments.run import OneLineParser, resumable, run_grid
from experiments.schedule import duration

GRIDS, QUICK = Path("experiments"), Path("experiments/quick/quick.yaml")
ROOT = Path("runs/experiments")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the grids; returns the exit status: 0, 1 where a job failed, 2 for bad input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    if options.quick:
        return quick(options.root, options.workers)
    paths = chosen_grids(options.only)
    status = run_grids(paths, options.root, options.results, options.workers, options.shard)
    if options.shard == "1/1":
        report(chosen_grids(), options.results, options.output)
    return status


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m launcher.results", description="Run every grid of the report.")
    parser.add_argument("--quick", action="store_true", help="one small grid instead, in a few minutes")
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="only grids whose file's name contains it")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument("--shard", default="1/1", metavar="i/n", help="only every n-th training, without a report")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the runs (default %(default)s)")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of the CSVs (default %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the report (default %(default)s)")
    return parser


def chosen_grids(substring: str = "") -> list[Path]:
    """The files of the grids that are in the report, in its order.

    Raises:
        InputError: none has such a name, or one of them is wrong.
    """
    require(GRIDS.is_dir(), f"folder {GRIDS} does not exist: run this in the project's folder")
    found = [(path, section) for path in sorted(GRIDS.glob("*.yaml")) if (section := read_grid(path).report)]
    found.sort(key=lambda entry: (entry[1].order is None, entry[1].order or 0.0))
    paths = [path for path, _ in found if substring in path.stem]
    known = ", ".join(path.stem for path, _ in found)
    require(bool(paths), f"--only is {substring!r}: it has to be part of the name of a grid in the report, of {known}")
    return paths


def run_grids(paths: Sequence[Path], root: Path, results: Path, workers: int = 2, part: str = "1/1") -> int:
    """Run grid after grid; returns the exit status of the worst: 0, or 1 where a job failed.

    Each uses what those before it have trained. Of a complete grid the CSVs are put into `results`.
    """
    table = Table("grid", "results", "time")
    worst = 0
    for number, path in enumerate(paths, start=1):
        grid, begun = read_grid(path), time.monotonic()
        print(f"{number} of {len(paths)}: {path}", file=sys.stderr)
        with _until_interrupted(table):
            worst = max(worst, run_grid(grid, root, root, workers, part=part))
        rows, cells = len(read_rows(csv_path(root, grid.name))), len(grid_cells(grid, root))
        if rows == cells:
            keep(grid, root, results)
        table.add_row(grid.name, f"{rows} of {cells}", duration(time.monotonic() - begun))
    Console().print(table)
    return worst


@contextmanager
def _until_interrupted(table: Table) -> Iterator[None]:
    """Show the table of what has been done if a Ctrl-C ends it."""
    try:
        yield
    except KeyboardInterrupt:
        Console().print(table)
        raise


def keep(grid: Grid, root: Path, results: Path) -> None:
    """Put a complete grid's CSVs into `results`, and say how they agree with what was there."""
    made, kept = csv_path(root, grid.name), csv_path(results, grid.name)
    if kept.is_file() and kept.read_bytes() != made.read_bytes():
        print(f"{grid.name}: {agreement(read_rows(kept), read_rows(made), grid.metrics[0])}")
    results.mkdir(parents=True, exist_ok=True)
    for path in grid_paths(grid, root):
        shutil.copyfile(path, results / path.name)


def report(paths: Sequence[Path], results: Path, output: Path) -> None:
    """Write the report of those grids that have results, and say which have none."""
    there = [path for path in paths if (results / f"{path.stem}.csv").is_file()]
    if without := [path.stem for path in paths if path not in there]:
        print(f"not in the report, since they have no results yet: {', '.join(without)}", file=sys.stderr)
    if there:
        write_report(read_entries(there, results), output)
        print(f"report: {output}")
    page = output.with_name(reproduction.OUTPUT.name)
    reproduction.main(["--optional", f"--results={results}", f"--output={page}"])


def quick(root: Path, workers: int) -> int:
    """Run the small grid, and write its report beside its runs; returns the exit status."""
    grid, begun = read_grid(QUICK), time.monotonic()
    status = run_grid(grid, root, root, workers)
    output = root / f"{grid.name}.md"
    write_report(read_entries([QUICK], root), output)
    print(f"{duration(time.monotonic() - begun)}; report: {output}, picture: {output.with_suffix('') / grid.name}.png")
    return status


if __name__ == "__main__":
    sys.exit(main())
