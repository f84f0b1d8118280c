"""Plots of an agent's test: regret and reward by exposure, the training curve, the reinstatement gate."""

import csv
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.agent_reading import statistics_of
from callbacks.pictures import keeps_files, log_picture
from episodic.errors import require_positive
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.plots.episode_plots import plot_gate, plot_regret, plot_reward, plot_training
from episodic.tasks.bandit import Bandit, BanditRules
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.players import PLAYERS, Play, play_block
from episodic.tasks.task import Task

CLASSICAL = {"random": "random", "ucb1": "UCB1", "thompson": "Thompson", "gittins": "Gittins"}
IDEAL = {"ideal_without_memory": "ideal without memory", "ideal": "ideal observer"}

#: Axis of the environments in each tensor of a block, from the end.
ENVIRONMENT_AXIS = {
    "cues": -2,
    "labels": -1,
    "exposures": -1,
    "drawings": -1,
    "queries": -2,
    "keys": -3,
    "query_labels": -1,
    "key_labels": -2,
}

Curves = dict[str, list[tuple[float, float]]]


class BanditPlots(pl.Callback):
    """Plot an agent's episodes after `test`.

    - `regret_by_exposure`: cumulative regret by pull, one line an exposure, beside classical and ideal players
      (Ritter et al. 2018, figure 3c);
    - `reward_by_exposure`: episode reward by exposure, beside the ideal observer's;
    - `training_curve`: reward over training episodes, with chance, the ideal observer that forgets between episodes
      (the bound of agents without memory) and the ideal observer;
    - `reinstatement_gate`: mean r-gate by step and exposure, for agents that have one.

    Other tasks than bandits get the same plots without players, and without regret if the task measures none.

    Args:
        player_environments: number of environments in which the other players play.

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
        statistics = statistics.cpu()
        data = trainer.datamodule  # type: ignore[attr-defined]
        task: Task = data.task_of("test")
        plays: dict[str, Play] = {}
        spec: BlockSpec = next(data.evaluation_blocks("test"))
        if isinstance(task, Bandit) and isinstance(spec.rules, BanditRules):
            spec = narrowed(spec, self.player_environments)
            plays = {name: play_block(PLAYERS[name], task, spec) for name in (*CLASSICAL, *IDEAL)}
        else:
            trainer.print(f"BanditPlots: {type(task).__name__} is not a bandit, so its plots show no other players")
        self._plot(trainer, statistics, plays, spec.exposures, task.chance)

    def _plot(
        self,
        trainer: pl.Trainer,
        statistics: EpisodeStatistics,
        plays: dict[str, Play],
        exposures: Tensor,
        chance: float | None,
    ) -> None:
        if "regret" in statistics.measures:
            classical = {CLASSICAL[name]: regret_by_pull(play) for name, play in plays.items() if name in CLASSICAL}
            ideal = {
                f"ideal observer, exposure {exposure}": regret_by_pull(plays["ideal"], exposures == exposure)
                for exposure in (1, 2)
                if "ideal" in plays and bool((exposures == exposure).any())
            }
            log_picture(trainer, plot_regret(statistics.regret_by_pull(), classical, ideal), "regret_by_exposure")
        reward = statistics.reward.sum(dim=1) / statistics.count
        rewards = {
            IDEAL[name]: reward_by_exposure(play, exposures, len(reward))
            for name, play in plays.items()
            if name in IDEAL
        }
        log_picture(trainer, plot_reward(reward, rewards), "reward_by_exposure")
        curves = read_curves(Path(trainer.default_root_dir) / "metrics.csv")
        if curves is not None:
            levels = {IDEAL[name]: mean_reward(play) for name, play in plays.items() if name in IDEAL}
            chances = {} if chance is None else {"chance": chance}
            log_picture(trainer, plot_training(curves, {**chances, **levels}), "training_curve")
        if statistics.gate.any():
            log_picture(trainer, plot_gate(statistics.gate / statistics.count.unsqueeze(1)), "reinstatement_gate")


def narrowed(spec: BlockSpec, environments: int) -> BlockSpec:
    """Return the first environments of a bandit's block."""
    parts: dict[str, Any] = {}
    for name, axis in ENVIRONMENT_AXIS.items():
        tensor: Tensor | None = getattr(spec, name)
        if tensor is not None:
            parts[name] = tensor.narrow(axis, 0, min(environments, spec.batch_size))
    rules = spec.rules._replace(
        contexts=spec.rules.contexts[:, :environments], probabilities=spec.rules.probabilities[:environments]
    )
    return spec._replace(**parts, rules=rules)


def mean_reward(play: Play) -> float:
    """Return a player's mean episode reward."""
    return float(play.rewards.sum(dim=1).mean())


def regret_by_pull(play: Play, episodes: Tensor | None = None) -> Tensor:
    """Return the mean regret `[T]` up to and including each pull, of all episodes or of those marked in `[E, B]`."""
    regrets = play.regrets.transpose(1, 2)  # [E, B, T]
    return (regrets.flatten(0, 1) if episodes is None else regrets[episodes]).mean(dim=0).cumsum(dim=0)


def reward_by_exposure(play: Play, exposures: Tensor, count: int) -> Tensor:
    """Return the mean episode reward `[count]` by exposure `[E, B]`; NaN for exposures that do not occur."""
    rewards = play.rewards.sum(dim=1)  # [E, B]
    return torch.stack([rewards[exposures == exposure].mean() for exposure in range(1, count + 1)])


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
