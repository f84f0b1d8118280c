"""How much each of the nearest memories counts in a read."""

import torch
from torch import Tensor

WEIGHTINGS = ("softmax", "inverse_distance")

#: Keeps the weight of an exact match finite (Pritzel et al. 2017, equation 5).
DELTA = 1e-3


def neighbour_weights(
    similarity: Tensor, chosen: Tensor, weighting: str, *, kernel: str, temperature: float = 1.0
) -> Tensor:
    """Weights of the chosen ones among `[B, k]` neighbours: they sum to 1, or are all 0 where none is chosen.

    `softmax`: proportional to `exp(similarity / temperature)`. `inverse_distance`: proportional to
    `1 / (d^2 + 0.001)` (neural episodic control, Pritzel et al. 2017, arXiv 1703.01988), where d is the kernel's
    distance, and `d^2 = 2 (1 - similarity)`, the squared distance on the unit sphere, under the cosine kernel.
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
