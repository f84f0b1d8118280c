"""Writes the report over the grids' results: `python -m experiments.report [GRID.yaml ...] [--output docs/results.md]`.

A grid is in it where its file has a section `report`, see `experiments.report_section`.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from episodic.errors import InputError, require
from experiments.command import OneLineParser, in_one_line
from experiments.comparison import Comparisons, compare
from experiments.formatting import metric_label
from experiments.grid import Grid, read_grid
from experiments.grid_files import csv_path
from experiments.grid_rows import rows_of_grid
from experiments.intervals import confidence_told
from experiments.record import write_whole
from experiments.report_figure import report_figure
from experiments.report_section import ReportSection
from experiments.report_table import few_seeds, report_note, report_tables
from experiments.results import Row, read_rows

OUTPUT = Path("docs/results.md")
HEAD = """# Results

What the grids of experiments ask, and what came out. This page is made by `make report` from the sections `report` of
the grids and from their CSVs: what is to change here is changed there. Statistics follow Agarwal et al. 2021
([arXiv 2108.13264](https://arxiv.org/abs/2108.13264)): interquartile means leave out the lowest and the highest quarter
of the seeds, rounded down."""


class Entry(NamedTuple):
    """A grid that is in the report, with its results."""

    path: Path
    csv: Path
    grid: Grid
    section: ReportSection
    rows: list[Row]
    found: Comparisons


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report and its pictures; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    return in_one_line(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    grids = options.grids or with_results(sorted(Path("experiments").glob("*.yaml")), options.results)
    entries = read_entries(grids, options.results)
    write_report(entries, options.output)
    names = ", ".join(entry.grid.name for entry in entries)
    print(f"{options.output}: {names}; pictures in {picture_folder(options.output)}")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.report", description="Write the report over the grids' results.")
    parser.add_argument("grids", nargs="*", type=Path, help="YAML files of grids (default: all in experiments/)")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of the CSVs (default %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default %(default)s)")
    return parser


def with_results(paths: Iterable[Path], results: Path) -> list[Path]:
    """The grids that have a CSV; says which of those with a section `report` have none."""
    there, without = [], []
    for path in paths:
        if csv_path(results, path.stem).is_file():
            there.append(path)
        elif read_grid(path).report is not None:
            without.append(path.stem)
    if without:
        print(f"not in the report, since they have no results yet: {', '.join(without)}", file=sys.stderr)
    return there


def read_entries(paths: Iterable[Path], results: Path) -> list[Entry]:
    """The grids that are in the report, in its order.

    Raises:
        InputError: a grid or its CSV is wrong; no grid has a section `report`.
    """
    found = [_entry(path, grid, results) for path in paths if (grid := read_grid(path)).report is not None]
    require(bool(found), "no grid has a section report: with question and answer it would be in the report")
    return sorted(
        found, key=lambda entry: (math.inf if entry.section.order is None else entry.section.order, entry.path.stem)
    )


def _entry(path: Path, grid: Grid, results: Path) -> Entry:
    section, csv = grid.report, results / f"{grid.name}.csv"
    assert section is not None
    try:
        rows = rows_of_grid(grid, read_rows(csv), [section.metric], "report: metric")
        found = compare(grid, section.metric, rows)
        require(bool(found), f"report: metric is {section.metric!r}: none of the results has a number there")
    except InputError as error:
        raise InputError(f"grid {path}: {error}") from error
    return Entry(path, csv, grid, section, rows, found)


def write_report(entries: Sequence[Entry], output: Path) -> None:
    """Write the pictures, then the text that shows them."""
    pictures = picture_folder(output)
    pictures.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        figure = report_figure(entry.grid, entry.section, entry.found)
        figure.savefig(pictures / f"{entry.grid.name}.png", dpi=130, metadata={"Software": None})
    write_whole(output, report_text(entries, output))


def picture_folder(output: Path) -> Path:
    """`docs/results/` of `docs/results.md`."""
    return output.with_suffix("")


def report_text(entries: Sequence[Entry], output: Path = OUTPUT) -> str:
    """The whole report in Markdown, with links as seen from `output`."""
    return "\n\n".join([HEAD, _contents(entries), *(_section(entry, output) for entry in entries)]) + "\n"


def _contents(entries: Sequence[Entry]) -> str:
    """The questions, each with its short answer, as links to their sections; few seeds are told of."""
    return "\n".join(_contents_line(entry) for entry in entries)


def _contents_line(entry: Entry) -> str:
    few = few_seeds(entry.grid, entry.found)
    parts = [f"[{entry.section.question}](#{entry.grid.name})", entry.section.short, f"({few})" if few else ""]
    return " ".join(["-", *filter(None, parts)])


def _section(entry: Entry, output: Path) -> str:
    grid, section = entry.grid, entry.section
    label = metric_label(section.metric)
    picture = f"{picture_folder(output).name}/{grid.name}.png"
    command = f".venv/bin/python -m experiments.run {entry.path.as_posix()}    # makes {entry.csv.as_posix()}"
    return "\n\n".join(
        [
            f'<a id="{grid.name}"></a>',
            f"## {section.question}",
            section.answer,
            f"![Interquartile means of the {label}]({picture})",
            f"*Interquartile means of the {label} over seeds, with {confidence_told()} intervals.*",
            report_tables(grid, section, entry.found, entry.rows),
            report_note(grid, section, entry.found, entry.rows),
            f"Conditions: [{entry.path.name}]({_link(entry.path, output)}); every seed's figures: "
            f"[{entry.csv.name}]({_link(entry.csv, output)}).",
            f"```\n{command}\n```",
        ]
    )


def _link(path: Path, output: Path) -> str:
    return Path(os.path.relpath(path, output.parent)).as_posix()


if __name__ == "__main__":
    sys.exit(main())
