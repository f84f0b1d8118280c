"""Plots of an agent's test that every task has: reward by exposure, the training curve, the reinstatement gate."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.agent_reading import statistics_of
from callbacks.pictures import keeps_files, log_picture
from episodic.errors import require_positive
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.metrics.exposure import by_exposure
from episodic.plots.tasks.episode_plots import plot_gate, plot_reward, plot_training
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Task

#: The ideal players by the names that plots give them, and whether each has a memory.
IDEAL = {"ideal without memory": False, "ideal observer": True}

Curves = dict[str, list[tuple[float, float]]]


class Tested(NamedTuple):
    """The data to plot after a test."""

    trainer: pl.Trainer
    module: pl.LightningModule
    statistics: EpisodeStatistics  # of all test blocks, on the CPU
    task: Task
    block: BlockSpec  # for other players: a block of the test's task, with fewer environments
    ideal: Mapping[str, Tensor]  # rewards [E, T, B] of the ideal players on the block, by name


class AgentPlots(pl.Callback):
    """Plot an agent's episodes after `test`, of any task.

    - `reward_by_exposure`: episode reward by exposure, beside the ideal players' (tasks with exposures);
    - `training_curve`: reward over training episodes, with chance, the ideal player that forgets between episodes (the
      bound of agents without memory) and the ideal player;
    - `reinstatement_gate`: mean r-gate by step and exposure, at steps with a read, for agents that have one.

    A subclass adds the plots of a task in `plot_task`.

    Args:
        player_environments: Number of environments in which other players play.

    Raises:
        InputError: `player_environments` is not positive.
    """

    def __init__(self, player_environments: int = 128) -> None:
        super().__init__()
        require_positive(player_environments=player_environments)
        self.player_environments = player_environments

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        statistics = statistics_of(pl_module, "test")
        if statistics is None or not keeps_files(trainer):
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        task: Task = data.task_of("test")
        seed = next(data.evaluation_blocks("test")).seed
        block = task.draw_block(self.player_environments, seed)
        rewards = {name: task.ideal_rewards(block, memory=memory) for name, memory in IDEAL.items()}
        ideal = {name: reward for name, reward in rewards.items() if reward is not None}
        tested = Tested(trainer, pl_module, statistics.cpu(), task, block, ideal)
        self.plot_task(tested)
        plot_rewards(tested)

    def plot_task(self, tested: Tested) -> None:
        """Make the task's additional plots."""


def plot_rewards(tested: Tested) -> None:
    """Make the plots that every task has."""
    trainer, statistics = tested.trainer, tested.statistics
    if statistics.exposures > 1:
        reward = statistics.reward.sum(dim=1) / statistics.count
        exposures = tested.block.exposures
        beside = {name: by_exposure(play.sum(dim=1), exposures, len(reward)) for name, play in tested.ideal.items()}
        log_picture(trainer, plot_reward(reward, beside), "reward_by_exposure")
    curves = read_curves(Path(trainer.default_root_dir) / "metrics.csv")
    if curves is not None:
        levels = {} if tested.task.chance is None else {"chance": tested.task.chance}
        levels |= {name: mean_reward(play) for name, play in tested.ideal.items()}
        log_picture(trainer, plot_training(curves, levels), "training_curve")
    if statistics.gate.any():
        gate = statistics.gate / statistics.count.unsqueeze(1)
        gate[:, statistics.recalls.sum(dim=0) == 0] = torch.nan  # without a read the gate has no effect
        log_picture(trainer, plot_gate(gate), "reinstatement_gate")


def mean_reward(rewards: Tensor) -> float:
    """Return the mean episode reward of a player's rewards `[E, T, B]`."""
    return float(rewards.sum(dim=1).mean())


def read_curves(path: Path) -> Curves | None:
    """Read (episodes, reward) of training and validation from a run's `metrics.csv`; None if there is none."""
    if not path.is_file():
        return None
    curves: Curves = {"train/reward": [], "val/reward": []}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, points in curves.items():
                if row.get(name):
                    points.append((float(row["step"]), float(row[name])))
    return curves if any(curves.values()) else None
