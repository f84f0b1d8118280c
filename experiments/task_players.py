"""Plays the test's blocks of the further tasks with ideal players: `python -m experiments.task_players`.

Writes `results/task_players.csv`: rewards and other metrics of the ideal player, with and without memory.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from datamodules.blocks import BlockDataModule
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.compositional import FAMILIARITY, CompositionalBandit
from episodic.tasks.contextual_choice import ContextualChoice
from episodic.tasks.task import Task
from episodic.tasks.two_step import TwoStep
from episodic.tasks.water_maze import WaterMaze
from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.report.further_tasks import MAKER, WITH_MEMORY, WITHOUT_MEMORY, player_path
from experiments.tables.files import write_table

#: The tasks as their grids play them, by the names of the report.
TASKS: Mapping[str, Task] = {
    "compositional_bandit": CompositionalBandit(),
    "compositional_bandit_queried": CompositionalBandit(stored="queried"),
    "water_maze": WaterMaze(),
    "two_step": TwoStep(),
    "contextual_choice": ContextualChoice(),
}
PLAYERS = {WITH_MEMORY: True, WITHOUT_MEMORY: False}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit status: 0, 2 for invalid input, 130 after Ctrl-C."""
    return one_line(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> OneLineParser:
    parser = OneLineParser(prog=MAKER, description="Compute the rewards of ideal players, on the test blocks.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV (default %(default)s)")
    return parser


def _run(options: argparse.Namespace) -> int:
    torch.set_num_threads(1)  # small tensors: a second thread only gets in the way
    blocks = {name: list(BlockDataModule(task).evaluation_blocks("test")) for name, task in TASKS.items()}
    frame = pd.DataFrame([row for name in TASKS for row in player_rows(name, TASKS[name], blocks[name])])
    write_table(player_path(options.results), frame)
    print(f"{player_path(options.results)}: {', '.join(TASKS)}")
    return 0


def player_rows(name: str, task: Task, blocks: Sequence[BlockSpec]) -> Iterator[dict[str, object]]:
    """Yield the mean of each metric of the ideal players, with its standard error over environments."""
    for player, memory in PLAYERS.items():
        plays = [_play(task, block, memory=memory) for block in blocks]
        for metric in plays[0]:
            values = torch.cat([play[metric] for play in plays]).double()
            values = values[~values.isnan()]
            error = values.std() / len(values) ** 0.5
            row = {"task": name, "player": player, "metric": metric, "environments": len(values)}
            yield {**row, "mean": round(float(values.mean()), 6), "standard_error": round(float(error), 6)}


def _play(task: Task, block: BlockSpec, *, memory: bool) -> dict[str, Tensor]:
    """Return the metrics of each environment `[B]`, by the names of an agent's."""
    if isinstance(task, TwoStep):
        played, episode = task.ideal_play(block, memory=memory)
        return {"reward": played.sum(dim=(0, 1)), **episode.measures(played)}
    rewards = task.ideal_rewards(block, memory=memory)
    assert rewards is not None
    episodes = rewards.sum(dim=1)  # [E, B]
    metrics = {"reward": episodes.mean(dim=0)}
    if isinstance(task, CompositionalBandit):
        lost = task.pulls * task.best - episodes
        for index, name in enumerate(FAMILIARITY):
            metrics[f"regret_{name}"] = _mean_where(lost, block.rules.familiar == index)
        return metrics
    for exposure in sorted({1, 2, task.exposures}):
        met = block.exposures == exposure
        metrics[f"reward_exposure_{exposure:02d}"] = _mean_where(episodes, met)
        if isinstance(task, WaterMaze):
            steps = torch.where(rewards.any(dim=1), 1 + rewards.argmax(dim=1), 1 + task.steps)
            metrics[f"steps_to_goal_exposure_{exposure:02d}"] = _mean_where(steps, met)
    return metrics


def _mean_where(values: Tensor, counted: Tensor) -> Tensor:
    """Return the mean over the counted episodes of values `[E, B]`, `[B]`; NaN if there are none."""
    return (values * counted).sum(dim=0) / counted.sum(dim=0)


if __name__ == "__main__":
    sys.exit(main())
