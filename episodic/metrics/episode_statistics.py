"""What a bandit agent did, summed by exposure and pull: the source of its metrics, tables and figures."""

from collections.abc import Mapping, Sequence

import torch
import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat


#: Environments whose reads are kept one by one, for the histograms of similarity.
SAMPLED = 32

WRONG, RIGHT, NOTHING = 0, 1, 2


class EpisodeStatistics(torchmetrics.Metric):
    """Sums over episodes by exposure (X rows) and pull (T columns), added up over processes.

    Args:
        exposures: number of rows X; later exposures count into the last.
        pulls: number of columns T.
        episodes: episodes E in a block.
        by_pull: whether the metrics tell the recall accuracy of each pull, for a memory that is read at every step.
    """

    full_state_update = False
    episodes: Tensor  # [X] how many episodes
    reward: Tensor  # [X, T]
    regret: Tensor  # [X, T]
    gate: Tensor  # [X, T] mean r-gate
    recalls: Tensor  # [X, T] reads
    right: Tensor  # [X, T] reads that returned a memory of the right context
    missed: Tensor  # [X, T] reads that returned nothing
    slots: Tensor  # [E] slots in use after each episode of a block
    slot_counts: Tensor  # [E] environments they were counted in
    similarities: list[Tensor]  # of some reads, one by one
    kinds: list[Tensor]  # WRONG, RIGHT or NOTHING for each of them
    ideal: Tensor  # [] reward of the ideal observer on the same episodes

    def __init__(
        self, exposures: int, pulls: int, episodes: int, *, by_step: bool = False, measures: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.exposures, self.pulls, self.by_pull = exposures, pulls, by_step
        for name in ("reward", "regret", "gate", "recalls", "right", "missed"):
            self.add_state(name, torch.zeros(exposures, pulls, dtype=torch.float64), dist_reduce_fx="sum")
        for name, rows in (("episodes", exposures), ("slots", episodes), ("slot_counts", episodes)):
            self.add_state(name, torch.zeros(rows, dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("similarities", "kinds"):
            self.add_state(name, [], dist_reduce_fx="cat")
        self.add_state("ideal", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self,
        episode: int,
        exposures: Tensor,
        rewards: Tensor,
        measures: Mapping[str, Tensor],
        *,
        labels: Tensor,
        reads: tuple[Tensor, Tensor, Tensor] | None = None,
        gate: Tensor | None = None,
        occupied: Tensor | None = None,
    ) -> None:
        """Add one episode."""
        row = exposures.clamp_max(self.exposures) - 1
        self.episodes.index_add_(0, row, torch.ones_like(row, dtype=torch.float64))
        self._add(self.reward, row, rewards)
        if "regret" in measures:
            self._add(self.regret, row, measures["regret"])
        if gate is not None:
            self._add(self.gate, row, gate.mean(dim=-1))
        if occupied is not None:
            self.slots[episode] += occupied.sum()
            self.slot_counts[episode] += len(occupied)
        if reads is None:
            return
        label, similarity, _ = reads
        right, missed = label == labels, label < 0
        self._add(self.recalls, row, torch.ones_like(label))
        self._add(self.right, row, right)
        self._add(self.missed, row, missed)
        kinds = torch.where(missed, NOTHING, right.long())
        self.similarities.append(similarity[:, :SAMPLED].flatten())
        self.kinds.append(kinds[:, :SAMPLED].flatten())

    @staticmethod
    def _add(state: Tensor, row: Tensor, values: Tensor) -> None:
        """Add `[T, B]` values to the `[X, T]` state, those of environment b to row `row[b]`."""
        state.index_add_(0, row, values.T.double())

    def add_ideal(self, reward: Tensor) -> None:
        """Add the ideal observer's summed reward on a block."""
        self.ideal += reward

    def similarity_samples(self) -> tuple[Tensor, Tensor]:
        """Similarity and kind (WRONG, RIGHT, NOTHING) of some reads, `[M]` each; none where the memory was empty."""
        if not len(self.similarities):
            return torch.empty(0), torch.empty(0, dtype=torch.long)
        similarity, kind = dim_zero_cat(self.similarities), dim_zero_cat(self.kinds)
        found = similarity.isfinite()
        return similarity[found], kind[found]

    def regret_by_pull(self) -> Tensor:
        """Mean regret of an episode up to and with each pull, `[X, T]`; NaN where an exposure had no episode."""
        return self.regret.cumsum(dim=1) / self.episodes.unsqueeze(1)

    def compute(self) -> dict[str, Tensor]:
        """The metrics of a bandit agent by name, without the split's prefix; scalars."""
        reward, regret = self.reward.sum(1), self.regret.sum(1)
        metrics = {"reward": reward.sum() / self.episodes.sum()}
        metrics["regret"] = regret.sum() / self.episodes.sum()
        if self.ideal > 0:
            metrics["ideal_fraction"] = reward.sum() / self.ideal
        if self.recalls[1:].sum() > 0:
            metrics["recall_accuracy"] = self.right[1:].sum() / self.recalls[1:].sum()
            for t in range(self.pulls) if self.by_pull else ():
                metrics[f"recall_accuracy_pull_{t + 1:02d}"] = self.right[1:, t].sum() / self.recalls[1:, t].sum()
        if self.recalls.sum() > 0:
            metrics["nothing_recalled"] = self.missed.sum() / self.recalls.sum()
        if self.slot_counts[-1] > 0:
            metrics["slots_in_use"] = self.slots[-1] / self.slot_counts[-1]
        for x in range(self.exposures):
            if self.episodes[x] > 0:
                metrics[f"reward_exposure_{x + 1:02d}"] = reward[x] / self.episodes[x]
                metrics[f"regret_exposure_{x + 1:02d}"] = regret[x] / self.episodes[x]
        return {name: value.float() for name, value in metrics.items()}
