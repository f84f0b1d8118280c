"""Writes the report over the grids' results: `python -m experiments.report [GRID.yaml ...]`.

`docs/results.md` has a short answer, a plot and a folded table, unless that is long, for each grid with a section
`report`. Each grid's own page beside it has the reasoning, all tables and the commands.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from episodic.errors import InputError, require
from episodic.files import replace_text, replacing
from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.planning.grid import Grid
from experiments.planning.grid_file import Report
from experiments.planning.grid_reader import read_grid
from experiments.report.page_tables import HOW_TO_READ, full_tables, report_note, seeds_of, short_table
from experiments.report.plots import report_plot
from experiments.tables.comparison import Comparisons, compare
from experiments.tables.files import csv_path, read_results
from experiments.tables.formatting import metric_label

GRIDS, OUTPUT = Path("experiments/grids"), Path("docs/results.md")
#: A small grid for a first look, which is not part of the report.
QUICK = "quick"
ENOUGH_SEEDS = 10
#: Rows of the longest table on the first page; longer ones are only on the question's own page.
MOST_ROWS = 20
HEAD = """# Results

This page answers one question per experiment. Each question links to a page with the reasoning, all tables and the
commands. [The words](concepts/words.md) defines the terms.

Points are interquartile means over seeds, with 95 % bootstrap intervals (Agarwal et al. 2021,
[arXiv 2108.13264](https://arxiv.org/abs/2108.13264)). Rewards are per episode. Chance is 1.80 and the ideal player
earns 8.43, unless a plot says otherwise. `make report` writes this page from
[experiments/grids](../experiments/grids) and [results](../results)."""


class Entry(NamedTuple):
    """A grid of the report, with its results."""

    path: Path
    csv: Path
    grid: Grid
    report: Report
    frame: pd.DataFrame
    compared: Comparisons

    @property
    def metric(self) -> str:
        """The metric that is drawn and compared."""
        return self.report.metric or self.grid.file.metrics[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report and its plots; returns the exit status: 0, 2 for invalid input, 130 after Ctrl-C."""
    return one_line(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    entries = read_entries(options.grids or with_results(report_grids(), options.results), options.results)
    write_report(entries, options.output)
    names = ", ".join(entry.grid.name for entry in entries)
    print(f"{options.output}: {names}; pages and plots in {pages(options.output)}")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.report", description="Write the report over the grids' results.")
    parser.add_argument("grids", nargs="*", type=Path, help=f"YAML files of grids (default: all in {GRIDS})")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSVs (default %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default %(default)s)")
    return parser


def report_grids() -> list[Path]:
    """Return the files of the grids that are in the report, in its order.

    Raises:
        InputError: there are none here, or one of them is wrong.
    """
    require(GRIDS.is_dir(), f"folder {GRIDS} does not exist: run this in the project's folder")
    reports = {path: read_grid(path).file.report for path in sorted(GRIDS.glob("*.yaml")) if path.stem != QUICK}
    orders = {path: report.order for path, report in reports.items() if report}
    return sorted(orders, key=lambda path: orders[path])


def with_results(paths: Iterable[Path], results: Path) -> list[Path]:
    """Return the grids that have a CSV; print the names of the others."""
    there = {path: csv_path(results, path.stem).is_file() for path in paths}
    without = [path.stem for path, has in there.items() if not has]
    if without:
        print(f"not in the report, since they have no results yet: {', '.join(without)}", file=sys.stderr)
    return [path for path, has in there.items() if has]


def read_entries(paths: Iterable[Path], results: Path) -> list[Entry]:
    """Return the grids of the report with their results, in its order.

    Raises:
        InputError: a grid or its CSV is wrong; no grid has a section `report`.
    """
    entries = [_entry(path, grid, results) for path in paths if (grid := read_grid(path)).file.report is not None]
    require(bool(entries), "no grid has a section report: with question and answer it would be in the report")
    return sorted(entries, key=lambda entry: (entry.report.order, entry.grid.name))


def _entry(path: Path, grid: Grid, results: Path) -> Entry:
    report = grid.file.report
    assert report is not None
    try:
        frame = read_results(grid, results)
        metric = report.metric or grid.file.metrics[0]
        compared = compare(grid, metric, frame)
        require(bool(compared), f"report: metric is {metric!r}: none of the results has a number there")
    except InputError as error:
        raise InputError(f"grid {path}: {error}") from error
    return Entry(path, csv_path(results, grid.name), grid, report, frame, compared)


def pages(output: Path) -> Path:
    """Return the folder of the pages and plots: `docs/results/` of `docs/results.md`."""
    return output.with_suffix("")


def write_report(entries: Sequence[Entry], output: Path) -> None:
    """Write plots, pages, and the report that shows and links them."""
    for entry in entries:
        save_plot(report_plot(entry.grid, entry.report, entry.frame), pages(output) / f"{entry.grid.name}.png")
        replace_text(pages(output) / f"{entry.grid.name}.md", page_text(entry, output))
    replace_text(output, report_text(entries, output))


def save_plot(figure: "object", path: Path) -> None:
    """Replace a PNG; the same results give the same file."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})  # type: ignore[attr-defined]


def report_text(entries: Sequence[Entry], output: Path = OUTPUT) -> str:
    """Return the report in Markdown, with links as seen from `output`."""
    contents = "\n".join(f"- [{entry.report.question}](#{entry.grid.name})" for entry in entries)
    return "\n\n".join([HEAD, contents, *(_section(entry, output) for entry in entries), HOW_TO_READ]) + "\n"


def _section(entry: Entry, output: Path) -> str:
    folder, name = pages(output).name, entry.grid.name
    table = short_table(entry.grid, entry.metric, entry.compared)
    rows = table.count("\n") - 1  # under the header
    parts = [
        f'<a id="{name}"></a>',
        f"## {entry.report.question}",
        " ".join(filter(None, [*entry.report.answer.split("\n"), _few_seeds(entry)])).strip(),
        f"![{_caption(entry)}]({folder}/{name}.png)",
        f"<details><summary>Table</summary>\n\n{table}\n\n</details>" if rows <= MOST_ROWS else "",
        f"[Reasoning, all tables, commands]({folder}/{name}.md)",
    ]
    return "\n\n".join(filter(None, parts))


def _caption(entry: Entry) -> str:
    return f"Interquartile mean {metric_label(entry.metric)}"


def _few_seeds(entry: Entry) -> str:
    """Return a sentence about conditions that rest on few seeds; empty if none does."""
    fewest = min(seeds_of(entry.grid, entry.compared).values())
    return f"({fewest} seeds. {entry.report.few})".replace(" )", ")") if fewest < ENOUGH_SEEDS else ""


def page_text(entry: Entry, output: Path = OUTPUT) -> str:
    """Return a question's own page in Markdown."""
    name, page = entry.grid.name, pages(output) / f"{entry.grid.name}.md"
    command = f".venv/bin/python -m experiments.run {entry.path.as_posix()}    # makes {entry.csv.as_posix()}"
    few = _few_seeds(entry)
    parts = [
        f"# {entry.report.question}",
        f"[All questions](../{output.name}#{name})",
        entry.report.answer.strip(),
        few and f"**Fewer than {ENOUGH_SEEDS} seeds.** {few[1:-1]} With so few, intervals are too narrow.",
        f"![{_caption(entry)}]({name}.png)",
        "## In detail",
        entry.report.reasoning.strip() or "There is nothing more to say.",
        "## Tables",
        full_tables(entry.grid, entry.report, entry.frame),
        report_note(entry.grid, entry.report, entry.compared, entry.frame),
        f"Grid: [{entry.path.name}]({_link(entry.path, page)}). Seeds: [{entry.csv.name}]({_link(entry.csv, page)}). "
        f"[How to read the tables](../{output.name}#how-to-read-the-tables).",
        f"```\n{command}\n```",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _link(path: Path, page: Path) -> str:
    return Path(os.path.relpath(path, page.parent)).as_posix()
