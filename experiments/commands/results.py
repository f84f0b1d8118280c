"""`make results`: runs every grid of the report, one after the other, then writes the report.

Interrupted, it goes on where it was. What is in the folder of results is replaced once a grid is complete, not before.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from episodic.errors import InputError, require
from experiments import reproduction
from experiments.agreement import agreement
from experiments.command import OneLineParser, resumable
from experiments.grid import Grid, read_grid
from experiments.grid_files import csv_path, grid_paths
from experiments.jobs import grid_cells
from experiments.record import write_whole
from experiments.report import OUTPUT, picture_folder, read_entries, with_results, write_report
from experiments.results import read_rows
from experiments.run import can_be_folder, run_grid
from experiments.schedule import duration

GRIDS, QUICK = Path("experiments"), Path("experiments/quick/quick.yaml")
ROOT = Path("runs/experiments")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the grids; returns the exit status: 0, 1 where a job failed, 2 for bad input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    made = outputs(options.results, options.output)
    if options.quick:
        check_quick(options)
        return quick(options.root, options.workers, made)
    paths = chosen_grids(options.only)
    check_places(options.root, options.results, options.output)
    status = run_grids(paths, options.root, options.results, options.workers, options.shard, made)
    if options.shard != "1/1":
        return status
    reported = report(chosen_grids(), options.results, options.output)
    return status or reported


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.commands.results", description="Run every grid of the report.")
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


def check_quick(options: argparse.Namespace) -> None:
    """Refuse what the small grid would not heed.

    Raises:
        InputError: in one line.
    """
    for name in ("only", "shard", "results", "output"):
        given, default = getattr(options, name), _parser().get_default(name)
        require(given == default, f"--{name} is {str(given)!r}: with --quick it has no effect, leave it out")


def check_places(root: Path, results: Path, output: Path) -> None:
    """Find out before hours of training whether all can be written.

    Raises:
        InputError: something is in the way, in one line.
    """
    require(can_be_folder(results), f"--results is {results}: it must be a folder")
    require(results.resolve() != root.resolve(), f"--results is {results}: it must be another folder than --root")
    told = f"--output is {output}"
    require(bool(output.suffix), f"{told}: it has to have an ending, as {OUTPUT} has")
    require(not output.is_dir(), f"{told}: it must be a file")
    require(
        output != reproduction_page(output), f"{told}: the reproduction page is written there, it needs another name"
    )
    for folder in (output.parent, picture_folder(output)):
        require(can_be_folder(folder), f"{told}: {folder} has to be a folder")


def outputs(results: Path, output: Path) -> list[Path]:
    """All that is made of the runs."""
    page = reproduction_page(output)
    pictures = [picture_folder(output)] if output.suffix else []
    return [results, output, *pictures, page, page.with_suffix(".png")]


def reproduction_page(output: Path) -> Path:
    """Where the reproduction page is, beside the report."""
    return output.parent / reproduction.OUTPUT.name


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
    require(bool(paths), f"--only is {substring!r}: it must be part of the name of a grid in the report, of {known}")
    return paths


def run_grids(
    paths: Sequence[Path],
    root: Path,
    results: Path,
    workers: int = 2,
    part: str = "1/1",
    made: Sequence[Path] = (),
) -> int:
    """Run grid after grid; returns the exit status of the worst: 0, or 1 where a job failed.

    Each uses what those before it have trained. Of a complete grid the CSVs are put into `results`. What is `made` of
    them is no source when it changes.
    """
    table = Table("grid", "results", "time")
    worst = 0
    for number, path in enumerate(paths, start=1):
        grid, begun = read_grid(path), time.monotonic()
        print(f"{number} of {len(paths)}: {path}", file=sys.stderr)
        with _until_interrupted(table):
            worst = max(worst, run_grid(grid, root, root, workers, part=part, outputs=made))
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
        print(f"{grid.name}: {_compared(kept, made, grid.metrics[0])}")
    for path in grid_paths(grid, root):
        write_whole(results / path.name, path.read_text(encoding="utf-8"))


def _compared(kept: Path, made: Path, metric: str) -> str:
    """How two CSVs of a grid agree, in one line; also where the old one cannot be read."""
    try:
        before = read_rows(kept)
    except InputError as error:
        return f"not compared with what was there before: {error}"
    return agreement(before, read_rows(made), metric)


def report(paths: Sequence[Path], results: Path, output: Path) -> int:
    """Write the report of those grids that have results, and say which have none; returns the exit status."""
    if there := with_results(paths, results):
        write_report(read_entries(there, results), output)
        print(f"report: {output}")
    return reproduction.main(["--optional", f"--results={results}", f"--output={reproduction_page(output)}"])


def quick(root: Path, workers: int, made: Sequence[Path] = ()) -> int:
    """Run the small grid, and write its report beside its runs; returns the exit status."""
    grid, begun = read_grid(QUICK), time.monotonic()
    status = run_grid(grid, root, root, workers, outputs=made)
    output = root / f"{grid.name}.md"
    write_report(read_entries([QUICK], root), output)
    print(f"{duration(time.monotonic() - begun)}; report: {output}, picture: {output.with_suffix('') / grid.name}.png")
    return status


if __name__ == "__main__":
    sys.exit(main())
