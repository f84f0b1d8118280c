"""What Ritter et al. 2018 (arXiv 1805.09692) report of the two bandits, and the grids that answer it.

Rewards are of the end of the paper's training; regrets are read off its figure 3, to about 0.1.
"""

from collections.abc import Mapping
from typing import NamedTuple

from launcher.summaries.references import PAPER

AGENTS = tuple(PAPER["BarcodeBandit"])
#: The memory that recalls the nearest whatever it is, as the paper's does.
NEAREST = "epL2RL, nearest"


class Experiment(NamedTuple):
    """One of the paper's experiments.

    Args:
        grid: the grid that repeats it.
        evaluation: the grid's evaluation that counts.
        title: what it is called.
        rewards: the paper's final reward an episode of each agent.
    """

    grid: str
    evaluation: str
    title: str
    rewards: Mapping[str, float]


BARCODES = Experiment("barcode_bandit", "test", "Barcode bandit", PAPER["BarcodeBandit"])
OMNIGLOT = Experiment("omniglot_bandit", "new characters", "Omniglot bandit", PAPER["DrawingBandit"])
EXPERIMENTS = (BARCODES, OMNIGLOT)

#: Regret of the paper's epL2RL after ten pulls on the Omniglot bandit, by exposure; None: not read off.
EPISODIC_REGRETS: Mapping[int, float | None] = {1: 6.2, 2: 4.8, 5: None, 9: 3.4}
#: The same of players without memory, with what they are called.
PLAYER_REGRETS: Mapping[str, float | None] = {"random": None, "ucb1": 7.1, "thompson": 6.5, "gittins": 4.7}
PLAYER_TITLES = {"random": "random choice", "ucb1": "UCB1", "thompson": "Thompson sampling", "gittins": "Gittins index"}
