"""Regret of players that do not learn, by exposure and pull, in one tidy CSV."""

from pathlib import Path
from typing import NamedTuple

from experiments.tidy_files import read_records

MAKER = "python -m experiments.bandit_players"


class PlayerRegret(NamedTuple):
    """Mean regret, over so many episodes, up to and with a pull; exposures and pulls from 1."""

    player: str
    exposure: int
    pull: int
    episodes: int
    regret: float


def player_path(results: Path) -> Path:
    """Where the regrets of players are kept."""
    return results / "bandit_players.csv"


def read_players(path: Path) -> list[PlayerRegret]:
    """The rows of the CSV.

    Raises:
        InputError: there is no such file, or it is none of players.
    """
    return read_records(path, PlayerRegret, MAKER)
