"""The weight of each of the nearest memories in a read."""

from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_positive
from episodic.memory.flip_posterior import flip_posterior

WEIGHTINGS = ("softmax", "inverse_distance", "posterior")

#: Keeps the weight of an exact match finite (Pritzel et al. 2017, equation 5).
DELTA = 1e-3


@dataclass(frozen=True)
class Neighbours:
    """The number of memories that a read mixes, and their weights.

    >>> Neighbours(5, temperature=0.1).weighting
    'softmax'

    Args:
        count: number of nearest keys k.
        weighting: `softmax`, `inverse_distance` or `posterior`; see `neighbour_weights`.
        temperature: of the softmax over the neighbours' similarities.
        learned_query: pass queries through a learned square matrix, the identity at first. It gets its gradient
            through the weights, and so needs 2 neighbours or more.
        flip_probability: of each bit of a noisy key, from 0 to 0.5; for the weighting `posterior`.

    Raises:
        InputError: a number out of range, an unknown weighting, a learned query with a single neighbour.
    """

    count: int = 1
    weighting: str = "softmax"
    temperature: float = 1.0
    learned_query: bool = False
    flip_probability: float = 0.2

    def __post_init__(self) -> None:
        require_positive(neighbours=self.count, temperature=self.temperature)
        require_choice("weighting", self.weighting, WEIGHTINGS)
        require(
            self.count > 1 or not self.learned_query,
            "learned_query is true with neighbours 1: its gradient comes through the weights of 2 or more neighbours",
        )
        require(
            0 <= self.flip_probability <= 0.5,
            f"flip_probability is {self.flip_probability}: it must lie between 0 and 0.5",
        )
        require(
            self.count > 1 or self.weighting != "posterior",
            "weighting is 'posterior' with neighbours 1: it weighs 2 or more neighbours, up to the capacity",
        )

    def check_kernel(self, kernel: str) -> None:
        """Raise `InputError` if the weighting needs a distance, or one in bits, which the kernel does not tell."""
        require(
            self.weighting != "inverse_distance" or kernel in ("cosine", "l1", "l2"),
            f"weighting is 'inverse_distance' with kernel {kernel}: it needs a distance, use kernel cosine, l1 or l2",
        )
        require(
            self.weighting != "posterior" or kernel in ("l1", "l2"),
            f"weighting is 'posterior' with kernel {kernel}: it counts different bits, use kernel l1 or l2",
        )

    def weights(self, similarity: Tensor, chosen: Tensor, kernel: str, key_size: int) -> Tensor:
        """Weights `[B, k]` of the chosen neighbours; see `neighbour_weights` and `flip_posterior`."""
        if self.weighting == "posterior":
            distance = -similarity if kernel == "l1" else similarity.square()
            return flip_posterior(distance, chosen, key_size, self.flip_probability)
        return neighbour_weights(similarity, chosen, self.weighting, kernel=kernel, temperature=self.temperature)


def neighbour_weights(
    similarity: Tensor, chosen: Tensor, weighting: str, *, kernel: str, temperature: float = 1.0
) -> Tensor:
    """Weights of the chosen ones among `[B, k]` neighbours: they sum to 1, or are all 0 where none is chosen.

    `softmax`: proportional to `exp(similarity / temperature)`. `inverse_distance`: proportional to
    `1 / (d^2 + 0.001)` (neural episodic control, Pritzel et al. 2017, arXiv 1703.01988), where d is the kernel's
    distance. Under the cosine kernel `d^2 = 2 (1 - similarity)`, the squared distance on the unit sphere.

    >>> chosen = torch.tensor([[True, True, False]])
    >>> neighbour_weights(torch.tensor([[0.9, 0.9, 0.5]]), chosen, "softmax", kernel="cosine")
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    if weighting == "softmax":
        # The lowest finite number instead of -inf: a row without any would have no gradient but NaN.
        lowest = torch.finfo(similarity.dtype).min
        weights = torch.softmax((similarity / temperature).masked_fill(~chosen, lowest), dim=-1)
        return torch.where(chosen, weights, 0.0)
    near = similarity.masked_fill(~chosen, 0.0)
    squared = 2 * (1 - near).clamp_min(0) if kernel == "cosine" else near.square()
    weights = torch.where(chosen, 1 / (squared + DELTA), 0.0)
    return weights / weights.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
