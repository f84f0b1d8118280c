"""The memory triplet objective of Kaiser et al. (2017)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.objectives.objective import Objective


class KaiserObjective(Objective):
    """Compute the memory triplet loss, and let the memory learn each training batch.

    Kaiser et al. 2017, "Learning to Remember Rare Events", arXiv 1703.03129; see
    `episodic.memory.kaiser_memory.KaiserMemory`. In evaluation mode the memory does not change.

    Args:
        memory_size: number of slots.
        key_size: length D of an embedding.
        neighbours: number of nearest keys that the loss considers.
        margin: in units of the cosine.
        clear_each_batch: whether every batch starts with an empty memory, as in the paper's few-shot episodes.
            Otherwise the memory lasts for the whole training.
        pieces: number of pieces n that a batch is split into. Piece k holds rows k, n + k, 2n + k ...; the pieces are
            learned one after another. The loss is the mean over the pieces. With `clear_each_batch` it leaves out the
            first piece, which always meets an empty memory.

    Raises:
        InputError: a number is out of its range, or the memory is always empty when it is queried.

    >>> objective = KaiserObjective(memory_size=16, key_size=2, neighbours=4, margin=0.1)
    >>> embedding, labels = torch.eye(2), torch.tensor([0, 1])
    >>> objective(embedding, labels)  # an empty memory has no neighbours to compare with
    tensor(0.)
    >>> objective(embedding, labels.flip(0)) > 0
    tensor(True)
    """

    def __init__(
        self,
        memory_size: int,
        key_size: int,
        *,
        neighbours: int,
        margin: float,
        clear_each_batch: bool = False,
        pieces: int = 1,
    ) -> None:
        super().__init__()
        require_positive(pieces=pieces)
        require(
            pieces > 1 or not clear_each_batch,
            "pieces is 1 with clear_each_batch: it must be 2 or more, because the memory is empty for the first piece",
        )
        self.memory = KaiserMemory(memory_size, key_size, neighbours, margin)
        self.clear_each_batch, self.pieces = clear_each_batch, pieces

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings `[B, D]` and labels `[B]` long.

        Raises:
            InputError: a shape or type does not fit.
        """
        if not self.training:
            return self.memory.loss(embedding, labels)
        if self.clear_each_batch:
            self.memory.reset()
        losses = [self.memory.step(embedding[n :: self.pieces], labels[n :: self.pieces]) for n in range(self.pieces)]
        return torch.stack(losses[1:] if self.clear_each_batch else losses).mean()


@dataclass(frozen=True)
class KaiserConfig:
    """Settings of `KaiserObjective`.

    Args:
        weight: factor of this loss in the sum; 0 leaves it out.
        memory_size: number of slots.
        neighbours: number of nearest keys that the loss considers.
        margin: in units of the cosine.
        clear_each_batch: whether every batch starts with an empty memory.
        pieces: number of pieces that a batch is split into, learned one after another.

    >>> KaiserConfig(memory_size=16).build(embedding_size=8, classes=None).memory.keys.shape
    torch.Size([16, 8])
    """

    weight: float = 1.0
    memory_size: int = 8192
    neighbours: int = 256
    margin: float = 0.1
    clear_each_batch: bool = False
    pieces: int = 1

    def build(self, embedding_size: int, classes: int | None) -> KaiserObjective:
        """Build the objective for embeddings of this length; the number of classes does not matter."""
        return KaiserObjective(
            self.memory_size,
            embedding_size,
            neighbours=self.neighbours,
            margin=self.margin,
            clear_each_batch=self.clear_each_batch,
            pieces=self.pieces,
        )
