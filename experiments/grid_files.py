"""What a grid's runner writes: the CSV of its figures, and those of curves and regrets where the grid asks for them."""

from collections.abc import Sequence
from pathlib import Path

from experiments.curve_files import collect_curves, curves_path, write_curves
from experiments.grid import Grid
from experiments.job import Cell
from experiments.regret_files import RegretPoint, collect_regrets, regret_path
from experiments.results import Row, collect, write_rows
from experiments.tidy_files import write_records


def csv_path(results: Path, grid: str) -> Path:
    """Where a grid's figures are kept."""
    return results / f"{grid}.csv"


def grid_paths(grid: Grid, results: Path) -> list[Path]:
    """All that `write_files` writes of a grid."""
    paths = [csv_path(results, grid.name)]
    paths += [curves_path(results, grid.name)] if grid.curves else []
    return [*paths, *([regret_path(results, grid.name)] if grid.regret_by_pull else [])]


def write_files(grid: Grid, cells: Sequence[Cell], results: Path) -> list[Row]:
    """Write all CSVs of a grid anew, of what is done so far; returns the rows of its figures."""
    rows = collect(cells)
    write_rows(csv_path(results, grid.name), rows)
    if grid.curves:
        write_curves(curves_path(results, grid.name), grid.curves, collect_curves(grid, cells))
    if grid.regret_by_pull:
        write_records(regret_path(results, grid.name), RegretPoint, collect_regrets(cells))
    return rows
