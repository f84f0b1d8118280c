"""Plays the test's blocks of a bandit with players that do not learn: `python -m experiments.bandit_players`.

Writes `results/bandit_players.csv`: the regret of random choice, UCB1, Thompson sampling, the Gittins index and the
ideal observer, by exposure and pull.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import torch

from datamodules.blocks import BlockDataModule
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.players import PLAYERS, Player, play_block
from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.report.reproduction import MAKER, player_path
from experiments.tables.files import write_table

NAMES = ("random", "ucb1", "thompson", "gittins", "ideal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit status: 0, 2 for invalid input, 130 after Ctrl-C."""
    return one_line(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=MAKER, description="Compute the regret of players that do not learn, on the test blocks."
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV (default %(default)s)")
    return parser


def _run(options: argparse.Namespace) -> int:
    torch.set_num_threads(1)  # small matrices: a second thread only gets in the way
    task = BarcodeBandit()
    frame = player_regrets(task, list(BlockDataModule(task).evaluation_blocks("test")))
    write_table(player_path(options.results), frame)
    episodes = frame[(frame["player"] == NAMES[0]) & (frame["pull"] == 1)]["episodes"].sum()
    print(f"{player_path(options.results)}: {episodes} episodes of each of {', '.join(NAMES)}")
    return 0


def player_regrets(task: Bandit, blocks: Sequence[BlockSpec], names: Iterable[str] = NAMES) -> pd.DataFrame:
    """Return the mean regret of players by exposure and pull: a function of the blocks.

    Players do not look at cues: blocks of another bandit with the same seeds have the same order of contexts, best arms
    and luck.
    """
    return pd.DataFrame([row for name in names for row in _regrets(PLAYERS[name], task, blocks)])


def _regrets(player: Player, task: Bandit, blocks: Sequence[BlockSpec]) -> Iterable[dict[str, object]]:
    regrets = [play_block(player, task, spec).regrets.double().cumsum(dim=1) for spec in blocks]  # [E, T, B] each
    by_episode = torch.cat([regret.movedim(1, 2).flatten(0, 1) for regret in regrets])  # [M, T]
    exposures = torch.cat([spec.exposures.flatten() for spec in blocks])  # [M]
    for exposure in range(1, int(exposures.max()) + 1):
        episodes = by_episode[exposures == exposure]
        for pull, regret in enumerate(episodes.mean(dim=0).tolist(), start=1):
            row = {"player": player.name, "exposure": exposure, "pull": pull, "episodes": len(episodes)}
            yield {**row, "regret": round(regret, 6)}


if __name__ == "__main__":
    sys.exit(main())
