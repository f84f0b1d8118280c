"""What a grid's runner writes: the CSV of its figures, and those of curves and regrets where the grid asks for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from episodic.errors import InputError
from experiments.curve_files import collect_curves, curves_path, write_curves
from experiments.grid import Grid
from experiments.job import Cell
from experiments.regret_files import RegretPoint, collect_regrets, regret_path
from experiments.results import Row, collect, read_rows, write_rows
from experiments.tidy_files import write_records


def csv_path(results: Path, grid: str) -> Path:
    """Where a grid's figures are kept."""
    return results / f"{grid}.csv"


def grid_paths(grid: Grid, results: Path) -> list[Path]:
    """All that `write_files` writes of a grid."""
    paths = [csv_path(results, grid.name)]
    paths += [curves_path(results, grid.name)] if grid.curves else []
    return [*paths, *([regret_path(results, grid.name)] if grid.regret_by_pull else [])]


class Written(NamedTuple):
    """The rows of a grid's figures, and the CSV that they were written to."""

    rows: list[Row]
    csv: Path


def write_files(grid: Grid, cells: Sequence[Cell], results: Path, partial: Path) -> Written:
    """Write all CSVs of a grid anew, of what is done so far.

    They go into `results`, or into `partial` while the grid is not complete and more rows are in `results` already.
    """
    rows = collect(cells)
    lost = len(rows) < len(cells) and _has_more(csv_path(results, grid.name), len(rows))
    folder = partial if lost else results
    write_rows(csv_path(folder, grid.name), rows)
    if grid.curves:
        write_curves(curves_path(folder, grid.name), grid.curves, collect_curves(grid, cells))
    if grid.regret_by_pull:
        write_records(regret_path(folder, grid.name), RegretPoint, collect_regrets(cells))
    return Written(rows, csv_path(folder, grid.name))


def _has_more(csv: Path, count: int) -> bool:
    """Whether a CSV has more rows than so many, or cannot be read, so that nobody knows."""
    try:
        return csv.exists() and len(read_rows(csv)) > count
    except InputError:
        return True
