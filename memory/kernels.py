"""Similarity of a query to stored keys: the larger, the nearer."""

from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]

SMALLEST_NORM = 1e-8


def cosine_similarity(query: Tensor, keys: Tensor, key_norms: Tensor) -> Tensor:
    """`q.k / (|q| |k|)`, in [-1, 1]; 0 where either vector is zero.

    Shapes: query `[B, K]`, keys `[B, N, K]`, key_norms `[B, N]` (their Euclidean lengths) -> `[B, N]`.
    """
    products = torch.bmm(query.unsqueeze(1), keys.transpose(1, 2)).squeeze(1)  # 4 times quicker than keys @ query
    query_norms = torch.linalg.vector_norm(query, dim=-1, keepdim=True)
    similarity: Tensor = products / (key_norms.clamp_min(SMALLEST_NORM) * query_norms.clamp_min(SMALLEST_NORM))
    return similarity


def l2_similarity(query: Tensor, keys: Tensor, key_norms: Tensor) -> Tensor:
    """Minus the Euclidean distance, in (-inf, 0]. Shapes as in `cosine_similarity`."""
    # Without the matrix product, whose rounding would set equal keys some 1e-3 apart.
    mode = "donot_use_mm_for_euclid_dist"
    return -torch.cdist(query.unsqueeze(1), keys, compute_mode=mode).squeeze(1)


def l1_similarity(query: Tensor, keys: Tensor, key_norms: Tensor) -> Tensor:
    """Minus the city-block distance, in (-inf, 0]. Shapes as in `cosine_similarity`."""
    return -torch.cdist(query.unsqueeze(1), keys, p=1.0).squeeze(1)


KERNELS: dict[str, Kernel] = {"cosine": cosine_similarity, "l2": l2_similarity, "l1": l1_similarity}

#: Lowest and highest similarity that each kernel can give.
RANGES: dict[str, tuple[float, float]] = {
    "cosine": (-1.0, 1.0),
    "l2": (float("-inf"), 0.0),
    "l1": (float("-inf"), 0.0),
}
