"""Plays the test's blocks of a bandit with players that do not learn: `python -m experiments.bandit_players`.

Writes `results/bandit_players.csv`: the regret of random choice, UCB1, Thompson sampling, the Gittins index and the
ideal observer, by exposure and pull.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from datamodules.blocks import BlockDataModule
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.players import PLAYERS, Player, play_block
from experiments.command import OneLineParser, in_one_line
from experiments.player_files import MAKER, PlayerRegret, player_path
from experiments.tidy_files import write_records

NAMES = ("random", "ucb1", "thompson", "gittins", "ideal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    return in_one_line(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> OneLineParser:
    parser = OneLineParser(prog=MAKER, description="Regret of players that do not learn, on the test's blocks.")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the CSV (default %(default)s)")
    return parser


def _run(options: argparse.Namespace) -> int:
    torch.set_num_threads(1)  # small matrices: a second thread only gets in the way
    task = BarcodeBandit()
    data = BlockDataModule(task)
    rows = player_regrets(task, list(data.evaluation_blocks("test")))
    path = player_path(options.results)
    write_records(path, PlayerRegret, rows)
    episodes = sum(row.episodes for row in rows if (row.player, row.pull) == (NAMES[0], 1))
    print(f"{path}: {episodes} episodes of each of {', '.join(NAMES)}")
    return 0


def player_regrets(task: Bandit, blocks: Sequence[BlockSpec], names: Iterable[str] = NAMES) -> list[PlayerRegret]:
    """How players fare on these blocks: a function of the blocks alone.

    Nobody looks at cues: blocks of another bandit with the same seeds have the same order of contexts, best arms and
    luck.
    """
    return [row for name in names for row in _regrets(PLAYERS[name], task, blocks)]


def _regrets(player: Player, task: Bandit, blocks: Sequence[BlockSpec]) -> list[PlayerRegret]:
    regrets = [play_block(player, task, spec).regrets.double().cumsum(dim=1) for spec in blocks]  # [E, T, B] each
    by_episode = torch.cat([regret.movedim(1, 2).flatten(0, 1) for regret in regrets])  # [M, T]
    exposures = torch.cat([spec.exposures.flatten() for spec in blocks])  # [M]
    rows = []
    for exposure in range(1, int(exposures.max()) + 1):
        met = by_episode[exposures == exposure]
        for pull, regret in enumerate(met.mean(dim=0).tolist(), start=1):
            rows.append(PlayerRegret(player.name, exposure, pull, len(met), round(regret, 6)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
