"""Batches of an LSTM's states, or of whole episodes of states."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset


class StateBatch(NamedTuple):
    """B states of an LSTM, or the states of B whole episodes."""

    inputs: Tensor  # [B, H] float32, or [B, T, H]
    labels: Tensor  # [B] long, the contexts
    pulls: Tensor  # [B] long, the last pull in the input, from 1
    exposures: Tensor  # [B] long, number of the context's exposure in its block, from 1


class StateDataset(Dataset[StateBatch]):
    """Cuts whole batches out of a harvest: an item is the batch of the states, or episodes, with the given indices.

    Args:
        states: States of N episodes, `[N, T, H]`.
        labels: Labels of the N episodes, `[N]` long.
        exposures: Exposures of the N episodes, `[N]` long.
        episodes: Episodes in this data set, `[n]` long.
        pulls: Pulls that are items, k of them, from 1: item `k * i + j` is pull `pulls[j]` of episode `episodes[i]`.
            None makes each whole episode an item.

    >>> labels, exposures = torch.tensor([5, 6]), torch.ones(2).long()
    >>> dataset = StateDataset(torch.zeros(2, 3, 4), labels, exposures, torch.arange(2), [1, 3])
    >>> batch = dataset[[0, 3]]
    >>> batch.inputs.shape, batch.labels.tolist(), batch.pulls.tolist()
    (torch.Size([2, 4]), [5, 6], [1, 3])
    """

    def __init__(
        self, states: Tensor, labels: Tensor, exposures: Tensor, episodes: Tensor, pulls: Sequence[int] | None
    ) -> None:
        self.states, self.owners, self.exposures, self.episodes = states, labels, exposures, episodes
        self.pulls = None if pulls is None else torch.tensor(pulls)

    def __len__(self) -> int:
        return len(self.episodes) * (1 if self.pulls is None else len(self.pulls))

    @property
    def labels(self) -> Tensor:
        """Label of every index, `[len(self)]` long."""
        labels = self.owners[self.episodes]
        return labels if self.pulls is None else labels.repeat_interleave(len(self.pulls))

    def __getitem__(self, indices: Tensor | Sequence[int] | int) -> StateBatch:
        rows = torch.as_tensor(indices).reshape(-1)  # a single index is a batch of one
        if self.pulls is None:
            chosen = self.episodes[rows]
            pulls = torch.full_like(chosen, self.states.shape[1])
            inputs = self.states[chosen]
        else:
            chosen, pulls = self.episodes[rows // len(self.pulls)], self.pulls[rows % len(self.pulls)]
            inputs = self.states[chosen, pulls - 1]
        return StateBatch(inputs.float(), self.owners[chosen], pulls, self.exposures[chosen])
