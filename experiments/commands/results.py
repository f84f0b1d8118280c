"""`make results`: runs every grid of the report, one after the other, then writes the report.

After an interruption it continues. A CSV in the folder of results is replaced only when its grid is complete.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from episodic.errors import InputError, require
from episodic.files import replace_text
from experiments.commands import RESULTS, ROOT, OneLineParser, require_folder, resumable
from experiments.engine.cluster import ClusterOptions, add_cluster_options, cluster_options
from experiments.engine.display import duration
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import read_grid
from experiments.planning.plan import grid_cells
from experiments.report import reproduction
from experiments.report.pages import GRIDS, OUTPUT, QUICK, pages, read_entries, report_grids, with_results, write_report
from experiments.run import run_grid
from experiments.tables.comparison import values_of
from experiments.tables.files import csv_path, csv_paths, read_table
from experiments.tables.formatting import format_value, metric_label
from experiments.tables.statistics import mean


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the grids; returns the exit status: 0, 1 if a job failed, 2 for invalid input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    cluster = cluster_options(options)
    if options.quick:
        for name in ("only", "results", "output"):
            given = getattr(options, name)
            require(given == _parser().get_default(name), f"--{name} is {str(given)!r}: leave it out with --quick")
        return quick(options.root, cluster)
    every = report_grids()
    paths = [path for path in every if options.only in path.stem]
    known = ", ".join(path.stem for path in every)
    require(bool(paths), f"--only is {options.only!r}: it must be part of the name of a grid in the report, of {known}")
    check_places(options.root, options.results, options.output)
    status = run_grids(paths, options.root, options.results, cluster)
    return write_pages(every, options.results, options.output) or status


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.commands.results", description="Run every grid of the report.")
    parser.add_argument("--quick", action="store_true", help="one small grid instead, in a few minutes")
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="only grids whose file name contains this text")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of all runs (default %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSVs (default %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the report (default %(default)s)")
    add_cluster_options(parser)
    return parser


def check_places(root: Path, results: Path, output: Path) -> None:
    """Find out before hours of training whether all can be written.

    Raises:
        InputError: something is in the way.
    """
    require_folder(root=root, results=results, output=output.parent)
    require(results.resolve() != root.resolve(), f"--results is {results}: it must be another folder than --root")
    required = f"--output is {output}: it must be a file with an ending, as {OUTPUT} has, and not the reproduction page"
    require(bool(output.suffix) and not output.is_dir() and output.name != reproduction.OUTPUT.name, required)
    require_folder(output=pages(output))


def run_grids(paths: Sequence[Path], root: Path, results: Path, options: ClusterOptions) -> int:
    """Run grid after grid; returns the exit status of the worst: 0, or 1 if a job failed.

    Each uses what those before it have trained. The CSVs of a complete grid are put into `results`.
    """
    table, worst = Table("grid", "results", "time"), 0
    try:
        for number, path in enumerate(paths, start=1):
            grid, begun = read_grid(path), time.monotonic()
            print(f"{number} of {len(paths)}: {path}", file=sys.stderr)
            worst = max(worst, run_grid(grid, root, root, options))
            rows, cells = len(read_table(csv_path(root, grid.name), ())), len(grid_cells(grid, root))
            if rows == cells:
                keep(grid, root, results)
            table.add_row(grid.name, f"{rows} of {cells}", duration(time.monotonic() - begun))
    finally:
        Console().print(table)
    return worst


def keep(grid: Grid, root: Path, results: Path) -> None:
    """Put a complete grid's CSVs into `results`, and say how they agree with what was there."""
    made, kept = csv_path(root, grid.name), csv_path(results, grid.name)
    if kept.is_file() and kept.read_bytes() != made.read_bytes():
        try:
            text = agreement(read_table(kept, ("condition",)), read_table(made, ()), grid.file.metrics[0])
        except InputError as error:
            text = f"not compared with what was there before: {error}"
        print(f"{grid.name}: {text}")
    for path in csv_paths(grid, root):
        replace_text(results / path.name, path.read_text(encoding="utf-8"))


def agreement(before: pd.DataFrame, after: pd.DataFrame, metric: str) -> str:
    """Return in one sentence how many values of a metric are the same to the last digit, and how far others are."""
    old, new = values_of(before, metric), values_of(after, metric)
    pairs = [(own[seed], new[cell][seed]) for cell, own in old.items() for seed in own if seed in new.get(cell, {})]
    label = metric_label(metric)
    if not pairs:
        return f"no {label} to compare with what was there before"
    same = sum(one == other for one, other in pairs)
    if same == len(pairs):
        return f"all {same} values of the {label} are the same as before"
    farthest = format_value(metric, max(abs(one - other) for one, other in pairs), finer=1)
    both = [cell for cell in old if cell in new]
    former = {cell: mean(list(old[cell].values())).bounds for cell in both}
    inside = sum(former[cell][0] <= mean(list(new[cell].values())).value <= former[cell][1] for cell in both)
    return (
        f"{same} of {len(pairs)} values of the {label} are the same as before, the others differ by up to {farthest}; "
        f"{inside} of {len(both)} means lie in their former intervals"
    )


def write_pages(paths: Sequence[Path], results: Path, output: Path) -> int:
    """Write the report of the grids that have results, and the reproduction page; returns the exit status."""
    if there := with_results(paths, results):
        write_report(read_entries(there, results), output)
        print(f"report: {output}")
    page = output.parent / reproduction.OUTPUT.name
    return reproduction.main(["--optional", f"--results={results}", f"--output={page}"])


def quick(root: Path, options: ClusterOptions) -> int:
    """Run the small grid, and write its report beside its runs; returns the exit status."""
    path, begun = GRIDS / f"{QUICK}.yaml", time.monotonic()
    require(path.is_file(), f"grid {path} does not exist: run this in the project's folder")
    status = run_grid(read_grid(path), root, root, options)
    output = root / f"{QUICK}.md"
    write_report(read_entries([path], root), output)
    plot = pages(output) / f"{QUICK}.png"
    print(f"{duration(time.monotonic() - begun)}; report: {output}, plot: {plot}")
    return status


if __name__ == "__main__":
    sys.exit(main())
