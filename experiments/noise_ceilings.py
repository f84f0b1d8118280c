"""What can be earned with noisy cues: `python -m experiments.noise_ceilings`.

Writes `results/noise_ceilings.csv`: the reward of the Bayes player of the barcode bandit that sees only the noisy cue,
by the share of flipped bits, the length of the barcodes, and which barcodes it knows. It is played with two numbers of
particles: their difference shows the error of the approximation.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import block_seed
from episodic.tasks.noisy_cues import KNOWN, bayes_rewards
from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.tables.files import csv_path, write_table

#: 10 of 50 contexts a block.
TASK = BarcodeBandit(vocabulary=50)
BITS, NOISE, PARTICLES = (10, 20), (0.0, 0.1, 0.2, 0.3), (16, 64)
#: What the players know that bound the others: the context itself, and nothing of earlier episodes.
BOUNDS = {"context": True, "no memory": False}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit status: 0, 2 for invalid input, 130 after Ctrl-C."""
    return one_line(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m experiments.noise_ceilings", description="Compute the best possible rewards with noisy cues."
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV (default %(default)s)")
    parser.add_argument("--environments", type=int, default=64, help="environments of the block (default %(default)s)")
    return parser


def _run(options: argparse.Namespace) -> int:
    torch.set_num_threads(1)  # small matrices: a second thread only gets in the way
    rows = []
    for bits in BITS:
        for noise in NOISE:
            rows += list(ceiling_rows(replace(TASK, bits=bits, noise=noise), options.environments))
            print(*(f"{name} {value}" for name, value in rows[-1].items()), sep=", ", flush=True)
    path = csv_path(options.results, "noise_ceilings")
    write_table(path, pd.DataFrame(rows))
    print(path)
    return 0


def ceiling_rows(
    task: BarcodeBandit, environments: int, particles: Sequence[int] = PARTICLES
) -> Iterator[dict[str, object]]:
    """Yield the mean reward of an episode of each player, with its standard error over environments."""
    spec = task.draw_block(environments, block_seed(0, "test", rank=0, index=0))

    def row(known: str, count: int | None, rewards: Tensor) -> dict[str, object]:
        values = rewards.sum(dim=1).mean(dim=0).double()  # of each environment
        error = float(values.std()) / environments**0.5
        setting = {"bits": task.bits, "noise": task.noise, "known": known, "particles": count}
        measured = {"mean": round(float(values.mean()), 6), "standard_error": round(error, 6)}
        return {**setting, "environments": environments, **measured}

    for known, memory in BOUNDS.items():
        yield row(known, None, task.ideal_rewards(spec, memory=memory))
    for known in KNOWN:
        for count in particles:
            yield row(known, count, bayes_rewards(task, spec, known=known, particles=count))


if __name__ == "__main__":
    sys.exit(main())
