"""What a bandit agent did, summed by exposure and pull: the source of its metrics, tables and figures."""

import torch
import torchmetrics
from torch import Tensor

from tasks.blocks import BlockSpec
from tasks.rollout import Trajectory


class BanditStatistics(torchmetrics.Metric):
    """Sums over episodes by exposure (X rows) and pull (T columns), added up over processes.

    Args:
        exposures: number of rows X; later exposures count into the last.
        pulls: number of columns T.
    """

    full_state_update = False
    episodes: Tensor  # [X] how many episodes
    reward: Tensor  # [X, T]
    regret: Tensor  # [X, T]
    gate: Tensor  # [X, T] mean r-gate
    reads: Tensor  # [X]
    right: Tensor  # [X] reads that returned a memory of the right context
    ideal: Tensor  # [] reward of the ideal observer on the same episodes

    def __init__(self, exposures: int, pulls: int) -> None:
        super().__init__()
        self.exposures, self.pulls = exposures, pulls
        for name in ("episodes", "reads", "right"):
            self.add_state(name, torch.zeros(exposures, dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("reward", "regret", "gate"):
            self.add_state(name, torch.zeros(exposures, pulls, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("ideal", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, trajectory: Trajectory, spec: BlockSpec, episode: int, gate: Tensor | None) -> None:
        """Add one episode; `gate` is its r-gate `[T, B, H]`, or None where the agent has none."""
        row = spec.exposures[episode].clamp_max(self.exposures) - 1
        self.episodes.index_add_(0, row, torch.ones_like(row, dtype=torch.float64))
        self.reward.index_add_(0, row, trajectory.rewards.T.double())
        self.regret.index_add_(0, row, trajectory.regrets.T.double())
        if gate is not None:
            self.gate.index_add_(0, row, gate.mean(dim=-1).T.double())
        if trajectory.recall is not None:
            right = trajectory.recall.label == spec.labels[episode]
            self.reads.index_add_(0, row, torch.ones_like(row, dtype=torch.float64))
            self.right.index_add_(0, row, right.double())

    def add_ideal(self, reward: Tensor) -> None:
        """Add the ideal observer's summed reward on a block."""
        self.ideal += reward

    def compute(self) -> dict[str, Tensor]:
        """The metrics of a bandit agent by name, without the split's prefix; scalars."""
        reward, regret = self.reward.sum(1), self.regret.sum(1)
        metrics = {"reward": reward.sum() / self.episodes.sum()}
        metrics["regret"] = regret.sum() / self.episodes.sum()
        if self.ideal > 0:
            metrics["ideal_fraction"] = reward.sum() / self.ideal
        if self.reads[1:].sum() > 0:
            metrics["recall_accuracy"] = self.right[1:].sum() / self.reads[1:].sum()
        for x in range(self.exposures):
            if self.episodes[x] > 0:
                metrics[f"reward_exposure_{x + 1:02d}"] = reward[x] / self.episodes[x]
                metrics[f"regret_exposure_{x + 1:02d}"] = regret[x] / self.episodes[x]
        return {name: value.float() for name, value in metrics.items()}
