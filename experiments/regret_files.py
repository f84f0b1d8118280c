"""Regret within an episode by exposure and pull: of a grid's tests, in one tidy CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.job import REGRET_FILE, Cell
from experiments.results import is_tested
from experiments.tidy_files import read_records

MAKER = "cli.py test"


class PullRegret(NamedTuple):
    """Mean regret of an episode up to and with a pull; exposures and pulls from 1."""

    exposure: int
    pull: int
    regret: float


class RegretPoint(NamedTuple):
    """The same of one of a grid's tests."""

    condition: str
    evaluation: str
    seed: int
    exposure: int
    pull: int
    regret: float


def regret_path(results: Path, grid: str) -> Path:
    """Where the regrets of a grid's tests are kept."""
    return results / f"{grid}_regret.csv"


def read_regrets(path: Path) -> list[RegretPoint]:
    """The rows of a grid's CSV.

    Raises:
        InputError: there is no such file, or it is not one of a grid's regrets.
    """
    return read_records(path, RegretPoint, "python -m experiments.run")


def collect_regrets(cells: Sequence[Cell]) -> list[RegretPoint]:
    """The regrets of all cells that have been tested, in the order of the cells.

    Raises:
        InputError: what a test left is no such table.
    """
    return [
        RegretPoint(cell.condition, cell.evaluation, cell.seed, *row)
        for cell in cells
        if is_tested(cell.test) and (path := cell.test.run.path / REGRET_FILE).is_file()
        for row in read_records(path, PullRegret, MAKER)
    ]
