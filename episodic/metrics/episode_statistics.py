"""Sums over an agent's episodes, from which its metrics, tables and plots are made."""

from collections.abc import Mapping, Sequence

import torch
import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from episodic.errors import require

#: The reads of the first so many environments are kept one by one, for histograms of similarity.
SAMPLED = 32

WRONG, RIGHT, NOTHING = 0, 1, 2


class EpisodeStatistics(torchmetrics.Metric):
    """Sums over episodes by exposure (X rows) and step (T columns), added up over processes.

    Args:
        exposures: number of rows X; later exposures count in the last row. 1 if the task has no exposures.
        steps: number of columns T, the steps of an episode.
        episodes: episodes E in a block.
        measures: names of what the task measures besides the reward.
        by_step: whether `compute` also gives the recall accuracy at each step.

    >>> statistics = EpisodeStatistics(exposures=2, steps=3, episodes=4)
    >>> rewards = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])  # 3 steps, 2 environments
    >>> exposures, labels = torch.tensor([1, 2]), torch.tensor([7, 8])
    >>> statistics.update(0, exposures, rewards, {"regret": 1 - rewards}, labels=labels)
    >>> metrics = statistics.compute()
    >>> metrics["reward"], metrics["reward_exposure_02"], metrics["regret_exposure_02"]
    (tensor(2.), tensor(1.), tensor(2.))
    """

    full_state_update = False
    count: Tensor  # [X] episodes
    reward: Tensor  # [X, T]
    gate: Tensor  # [X, T] mean reinstatement gate
    recalls: Tensor  # [X, T] reads
    right: Tensor  # [X, T] reads that returned the label they should recall
    missed: Tensor  # [X, T] reads that returned nothing
    due: Tensor  # [X, T] reads that count towards the recall accuracy
    due_right: Tensor  # [X, T] those of them that returned the label they should recall
    slots: Tensor  # [E] occupied slots after each episode of a block
    slot_counts: Tensor  # [E] environments in which slots were counted
    similarities: list[Tensor]  # of the sampled reads; -inf for steps without a read
    kinds: list[Tensor]  # WRONG, RIGHT or NOTHING for each sampled read
    ideal: Tensor  # [] reward of the ideal player on the same episodes

    def __init__(
        self,
        exposures: int,
        steps: int,
        episodes: int,
        *,
        measures: Sequence[str] = ("regret",),
        by_step: bool = False,
    ) -> None:
        super().__init__()
        self.exposures, self.steps, self.by_step, self.measures = exposures, steps, by_step, tuple(measures)
        tables = ("reward", "gate", "recalls", "right", "missed", "due", "due_right", *map(_state, self.measures))
        for name in tables:
            self.add_state(name, torch.zeros(exposures, steps, dtype=torch.float64), dist_reduce_fx="sum")
        counts = {"count": exposures, **dict.fromkeys(map(_episodes, self.measures), exposures)}
        for name, length in {**counts, "slots": episodes, "slot_counts": episodes}.items():
            self.add_state(name, torch.zeros(length, dtype=torch.float64), dist_reduce_fx="sum")
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
        """Add one episode of B environments.

        Args:
            episode: its number in the block, from 0.
            exposures: `[B]` long, from 1.
            rewards: `[T, B]`.
            measures: `[T, B]`, or `[B]` for a whole episode, by name; NaN where a measure does not apply.
            labels: `[B]` long, or `[T, B]` with a label for each read; -1 where there is nothing to recall. A read
                counts towards the recall accuracy from the second exposure on. Where the task has no exposures
                (`exposures` is 1), every read with its own label counts.
            reads: labels `[T, B]` long that the memory returned (-1: nothing), similarities `[T, B]` of the nearest
                keys, and the steps `[T]` bool at which the memory was read.
            gate: `[T, B, H]`, the reinstatement gate.
            occupied: `[B, N]` bool, the memory's slots in use after the episode.

        Raises:
            InputError: the names of `measures` are not those given to the constructor.
        """
        names = sorted(self.measures)
        require(sorted(measures) == names, f"measures are {sorted(measures)}: the statistics were made for {names}")
        row = exposures.clamp_max(self.exposures) - 1
        self.count.index_add_(0, row, torch.ones_like(row, dtype=torch.float64))
        self._add("reward", row, rewards)
        for name, values in measures.items():
            self._add(_state(name), row, values.nan_to_num(nan=0.0))
            applies = ~values.isnan() if values.dim() == 1 else ~values.isnan().all(dim=0)
            table: Tensor = getattr(self, _episodes(name))
            table.index_add_(0, row, applies.double())
        if gate is not None:
            self._add("gate", row, gate.mean(dim=-1))
        if occupied is not None:
            self.slots[episode] += occupied.sum()
            self.slot_counts[episode] += len(occupied)
        if reads is not None:
            self._add_reads(row, exposures, labels, *reads)

    def _add_reads(
        self, row: Tensor, exposures: Tensor, labels: Tensor, label: Tensor, similarity: Tensor, made: Tensor
    ) -> None:
        made = made.to(label.device).unsqueeze(1).expand_as(label)
        due = made & (labels >= 0)
        if self.exposures > 1 or labels.dim() == 1:
            due = due & (exposures > 1)
        missed = label < 0
        right = (label == labels) & ~missed
        tables = {"recalls": made, "right": right & made, "missed": missed & made, "due": due, "due_right": right & due}
        for name, values in tables.items():
            self._add(name, row, values)
        kinds = torch.where(missed, NOTHING, right.long())
        self.similarities.append(similarity.masked_fill(~made, -torch.inf)[:, :SAMPLED].flatten())
        self.kinds.append(kinds[:, :SAMPLED].flatten())

    def _add(self, name: str, row: Tensor, values: Tensor) -> None:
        """Add values `[T, B]`, or `[B]` at the last step, to a table; those of environment b to row `row[b]`."""
        table: Tensor = getattr(self, name)
        if values.dim() == 1:
            table[:, -1].index_add_(0, row, values.double())
        else:
            table.index_add_(0, row, values.T.double())

    def add_ideal(self, reward: Tensor) -> None:
        """Add the ideal player's summed reward on a block."""
        self.ideal += reward

    def measure(self, name: str) -> Tensor:
        """Sums of a measure, `[X, T]`; a measure of whole episodes stands at the last step.

        Raises:
            InputError: there is no measure of that name.
        """
        require(name in self.measures, f"measure is {name!r}: it must be one of {', '.join(self.measures)}")
        table: Tensor = getattr(self, _state(name))
        return table

    def similarity_samples(self) -> tuple[Tensor, Tensor]:
        """Similarity and kind (WRONG, RIGHT, NOTHING) of sampled reads of memories that held something, `[M]` each."""
        if not len(self.similarities):
            return torch.empty(0), torch.empty(0, dtype=torch.long)
        similarity, kind = dim_zero_cat(self.similarities), dim_zero_cat(self.kinds)
        compared = similarity.isfinite()
        return similarity[compared], kind[compared]

    def regret_by_pull(self) -> Tensor:
        """Mean regret of an episode up to and including each step, `[X, T]`; NaN for exposures without episodes.

        Raises:
            InputError: the task measures no regret.
        """
        return self.measure("regret").cumsum(dim=1) / self.count.unsqueeze(1)

    def measured(self, name: str) -> Tensor:
        """Number of episodes to which a measure applies, `[X]`."""
        table: Tensor = getattr(self, _episodes(name))
        return table

    def compute(self) -> dict[str, Tensor]:
        """Metrics by name, without the split's prefix; scalars.

        A measure is summed over the steps of an episode. Its metric is the mean over the episodes to which it applies.
        """
        sums = {"reward": self.reward.sum(1), **{name: self.measure(name).sum(1) for name in self.measures}}
        counts = {"reward": self.count, **{name: self.measured(name) for name in self.measures}}
        metrics = {name: total.sum() / counts[name].sum() for name, total in sums.items() if counts[name].sum() > 0}
        if self.ideal > 0:
            metrics["ideal_fraction"] = sums["reward"].sum() / self.ideal
        metrics |= self._recall()
        if self.slot_counts[-1] > 0:
            metrics["slots_in_use"] = self.slots[-1] / self.slot_counts[-1]
        for x in range(self.exposures):
            names = [name for name in sums if counts[name][x] > 0]
            metrics |= {f"{name}_exposure_{x + 1:02d}": sums[name][x] / counts[name][x] for name in names}
        return {name: value.float() for name, value in metrics.items()}

    def _recall(self) -> dict[str, Tensor]:
        metrics: dict[str, Tensor] = {}
        if self.due.sum() > 0:
            metrics["recall_accuracy"] = self.due_right.sum() / self.due.sum()
            for t in range(self.steps) if self.by_step else ():
                if self.due[:, t].sum() > 0:
                    metrics[f"recall_accuracy_pull_{t + 1:02d}"] = self.due_right[:, t].sum() / self.due[:, t].sum()
        if self.recalls.sum() > 0:
            metrics["nothing_recalled"] = self.missed.sum() / self.recalls.sum()
        return metrics


def _state(measure: str) -> str:
    """The name of a measure's table among the metric's states."""
    return f"measure_{measure}"


def _episodes(measure: str) -> str:
    """The name of the table that counts the episodes to which a measure applies."""
    return f"episodes_{measure}"
