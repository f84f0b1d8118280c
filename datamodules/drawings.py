"""Batches of drawings, with or without quarter turns as separate classes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from episodic.drawings.embedding_cache import as_floats
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.drawings.symmetries import TURNS


class DrawingBatch(NamedTuple):
    """B drawings and their classes."""

    images: Tensor  # [B, 1, S, S] float32 in [0, 1], ink = 1
    labels: Tensor  # [B] long


class DrawingDataset(Dataset[DrawingBatch]):
    """Cuts whole batches out of a part: an item is the batch of the drawings with the given indices.

    Args:
        part: N drawings.
        rotations: Whether each drawing counts four times. Index `4 * drawing + turns` is then the drawing after
            `turns` counter-clockwise quarter turns, of class `4 * class + turns`.

    >>> part = OmniglotPart(torch.zeros(2, 28, 28).byte(), torch.arange(2), torch.zeros(2).long(), ["a", "b"], ["A"])
    >>> DrawingDataset(part, rotations=True)[[0, 7]].labels
    tensor([0, 7])
    """

    def __init__(self, part: OmniglotPart, rotations: bool = False) -> None:
        self.part, self.rotations = part, rotations

    def __len__(self) -> int:
        return len(self.part.labels) * (TURNS if self.rotations else 1)

    @property
    def labels(self) -> Tensor:
        """Class of every index, `[len(self)]` long."""
        labels = self.part.labels
        if not self.rotations:
            return labels
        return (labels.unsqueeze(1) * TURNS + torch.arange(TURNS)).flatten()

    def __getitem__(self, indices: Tensor | Sequence[int] | int) -> DrawingBatch:
        rows = torch.as_tensor(indices).reshape(-1)  # a single index is a batch of one
        if not self.rotations:
            return DrawingBatch(as_floats(self.part.images[rows]), self.part.labels[rows])
        drawings, turns = rows // TURNS, rows % TURNS
        images = turned(self.part.images[drawings], turns)
        return DrawingBatch(as_floats(images), self.part.labels[drawings] * TURNS + turns)


def turned(images: Tensor, turns: Tensor) -> Tensor:
    """Turn drawings `[..., S, S]` counter-clockwise by `turns` quarter turns each, `[...]` long from 0 to 3.

    >>> turned(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([1])).tolist()
    [[[2, 4], [1, 3]]]
    """
    result = images.clone()
    for turn in range(1, TURNS):
        chosen = turns == turn
        result[chosen] = torch.rot90(images[chosen], turn, dims=(-2, -1))
    return result
