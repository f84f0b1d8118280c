"""Similarity of a query to stored keys: the larger, the nearer."""

from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]

SMALLEST_NORM = 1e-8


def inverse_norms(vectors: Tensor) -> Tensor:
    """`1 / |v|` of `[..., K]` vectors, `[...]`; a large finite number for zero."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return lengths.clamp_min(SMALLEST_NORM).reciprocal()


def cosine_similarity(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
    """`q.k / (|q| |k|)`, in [-1, 1]; 0 where either vector is zero.

    Shapes: query `[B, K]`, keys `[B, N, K]`, key_scales `[B, N]` (their `inverse_norms`) -> `[B, N]`.
    """
    unit = query * inverse_norms(query).unsqueeze(1)
    products = torch.bmm(unit.unsqueeze(1), keys.transpose(1, 2)).squeeze(1)  # 4 times quicker than keys @ query
    return products * key_scales


def l2_similarity(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
    """Minus the Euclidean distance, in (-inf, 0]. Shapes as in `cosine_similarity`."""
    # Without the matrix product, whose rounding would set equal keys some 1e-3 apart.
    mode = "donot_use_mm_for_euclid_dist"
    return -torch.cdist(query.unsqueeze(1), keys, compute_mode=mode).squeeze(1)


def l1_similarity(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
    """Minus the city-block distance, in (-inf, 0]. Shapes as in `cosine_similarity`."""
    return -torch.cdist(query.unsqueeze(1), keys, p=1.0).squeeze(1)


KERNELS: dict[str, Kernel] = {"cosine": cosine_similarity, "l2": l2_similarity, "l1": l1_similarity}

#: Lowest and highest similarity that each kernel can give.
RANGES: dict[str, tuple[float, float]] = {
    "cosine": (-1.0, 1.0),
    "l2": (float("-inf"), 0.0),
    "l1": (float("-inf"), 0.0),
}
