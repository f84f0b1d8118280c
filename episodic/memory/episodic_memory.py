"""The episodic memory of Ritter et al. (2018): every write takes a slot."""

from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.weights import Neighbours


class EpisodicMemory(NearestMemory):
    """Keep every write in a slot; recall the value of the most similar key.

    A differentiable neural dictionary (Ritter et al. 2018, "Been There, Done That", arXiv 1805.09692, section 3). The
    oldest memory is dropped when all slots are full; among equally similar keys the newest wins.

    >>> import torch
    >>> memory = EpisodicMemory(capacity=100, key_size=2, value_size=1)
    >>> memory.reset(batch_size=1)
    >>> memory.write(torch.tensor([[1.0, 0.0]]), torch.tensor([[5.0]]), torch.tensor([3]))
    >>> recall = memory.read(torch.tensor([[0.9, 0.1]]))
    >>> recall.value, recall.label
    (tensor([[5.]]), tensor([3]))

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        kernel: `cosine`, `l2` or `l1`; the last two are negative distances.
        neighbours: number of nearest keys k whose values a read mixes; label and slot are those of the nearest.
        threshold: lowest similarity that is recalled; None always recalls the nearest key.
        weighting: of the neighbours, `softmax`, `inverse_distance` or `posterior`; see `episodic.memory.weights`.
        temperature: of the softmax over the neighbours' similarities.
        learned_query: pass queries through a learned square matrix, the identity at first; needs 2 neighbours or more.
        slack: keys at most this much less similar than the nearest count as equally near, so that the newest wins.
            This suits keys that never return exactly. Needs a single neighbour.
        flip_probability: of each bit of a noisy key, for the weighting `posterior`.

    Raises:
        InputError: a number out of range, an unknown name, options that exclude each other.
    """

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        kernel: str = "cosine",
        neighbours: int = 1,
        threshold: float | None = None,
        weighting: str = "softmax",
        temperature: float = 1.0,
        learned_query: bool = False,
        slack: float = 0.0,
        flip_probability: float = 0.2,
    ) -> None:
        super().__init__(
            capacity,
            key_size,
            value_size,
            kernel=kernel,
            threshold=threshold,
            neighbours=Neighbours(neighbours, weighting, temperature, learned_query, flip_probability),
            slack=slack,
        )
