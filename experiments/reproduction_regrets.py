"""What the reproduction page tells of regret within an episode of the Omniglot bandit, by pull."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from episodic.errors import require
from experiments.paper import AGENTS, EPISODIC_REGRETS, NEAREST, OMNIGLOT, PLAYER_REGRETS
from experiments.player_files import MAKER, PlayerRegret, player_path, read_players
from experiments.regret_files import RegretPoint, read_regrets, regret_path
from experiments.reproduction_means import Line, line_of_means, maker

EXPOSURES = tuple(EPISODIC_REGRETS)
IDEAL = "ideal"


class Regrets(NamedTuple):
    """Regret up to and with each pull.

    Args:
        agents: means over seeds, by condition and exposure.
        ideal: the ideal observer's, by exposure and pull.
        players: of those without memory, over all exposures, by name and pull.
        episodes: that each player played.
    """

    agents: Mapping[tuple[str, int], Line]
    ideal: Mapping[int, Mapping[int, float]]
    players: Mapping[str, Mapping[int, float]]
    episodes: int


def read_all_regrets(results: Path) -> Regrets:
    """Read the regrets of agents and players from their CSVs.

    Raises:
        InputError: a file is not there, or lacks what the page shows.
    """
    path, played_path = regret_path(results, OMNIGLOT.grid), player_path(results)
    points = [point for point in read_regrets(path) if point.evaluation == OMNIGLOT.evaluation]
    played = read_players(played_path)
    return Regrets(
        agents={(name, x): _agent(points, name, x, path) for name in (AGENTS[0], NEAREST) for x in EXPOSURES},
        ideal={x: _player([row for row in played if row.exposure == x], IDEAL, played_path) for x in EXPOSURES},
        players={name: _player(played, name, played_path) for name in PLAYER_REGRETS},
        episodes=sum(row.episodes for row in played if (row.player, row.pull) == (IDEAL, 1)),
    )


def _agent(points: Sequence[RegretPoint], condition: str, exposure: int, path: Path) -> Line:
    own = [point for point in points if (point.condition, point.exposure) == (condition, exposure)]
    missing = f"results {path} have no row of {condition!r} at exposure {exposure}"
    require(bool(own), f"{missing}: {maker(OMNIGLOT)} makes them")
    return line_of_means((point.pull, point.regret) for point in own)


def _player(rows: Sequence[PlayerRegret], name: str, path: Path) -> dict[int, float]:
    """A player's regret by pull, over these rows' exposures."""
    own = [row for row in rows if row.player == name]
    require(bool(own), f"results {path} lack a row of {name!r}: {MAKER} makes them")
    pulls = sorted({row.pull for row in own})
    return {pull: _weighted([row for row in own if row.pull == pull]) for pull in pulls}


def _weighted(rows: Sequence[PlayerRegret]) -> float:
    """The mean over all episodes of these rows."""
    return sum(row.regret * row.episodes for row in rows) / sum(row.episodes for row in rows)
