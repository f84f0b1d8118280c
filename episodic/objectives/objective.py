"""The interface of losses that train an encoder on labelled embeddings."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from episodic.errors import require


class Objective(nn.Module, ABC):
    """A loss of unit-length embeddings and their class labels, with any parameters or memory that it needs."""

    @abstractmethod
    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings `[B, D]` and labels `[B]` long, a scalar with a gradient to the embeddings."""


def require_margin(margin: float) -> None:
    """Raise `InputError` unless `margin` is 0 or more.

    >>> require_margin(0.2)
    """
    require(margin >= 0, f"margin is {margin}: it must be 0 or more")


def require_labels(labels: Tensor, embedding: Tensor) -> None:
    """Raise `InputError` unless embeddings are `[B, D]` and labels are `[B]` of type `torch.int64`.

    >>> require_labels(torch.tensor([0, 1]), torch.zeros(2, 8))
    """
    shape = tuple(embedding.shape)
    require(len(shape) == 2, f"embedding has shape {shape}: it must be [B, D]")
    require(
        labels.shape == shape[:1] and labels.dtype == torch.long,
        f"labels have shape {tuple(labels.shape)} and type {labels.dtype}: "
        f"they must have shape {shape[:1]} and type torch.int64",
    )
