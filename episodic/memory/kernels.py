"""Similarity of a query to stored keys: the higher, the nearer."""

from collections.abc import Callable

import torch
from torch import Tensor

from episodic.errors import require

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]

SMALLEST_NORM = 1e-8


def inverse_norms(vectors: Tensor) -> Tensor:
    """`1 / |v|` of `[..., K]` vectors, `[...]`; a large finite number for zero.

    >>> inverse_norms(torch.tensor([[3.0, 4.0]]))
    tensor([0.2000])
    """
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return lengths.clamp_min(SMALLEST_NORM).reciprocal()


def cosine_similarity(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
    """`q.k / (|q| |k|)`, in [-1, 1]; 0 where either vector is zero.

    In single precision, lengths must lie between 1e-8 and 1e19: outside, the computed similarity is closer to 0.

    Shapes: query `[B, K]`, keys `[B, N, K]`, key_scales `[B, N]` (their `inverse_norms`) -> `[B, N]`.
    """
    unit = query * inverse_norms(query).unsqueeze(1)
    products = torch.bmm(unit.unsqueeze(1), keys.transpose(1, 2)).squeeze(1)  # 4 times quicker than keys @ query
    return products * key_scales


def l2_similarity(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
    """The negative Euclidean distance, in (-inf, 0]. Shapes as in `cosine_similarity`."""
    # Without the matrix product: its rounding would put identical keys about 1e-3 apart.
    mode = "donot_use_mm_for_euclid_dist"
    return -torch.cdist(query.unsqueeze(1), keys, compute_mode=mode).squeeze(1)


def l1_similarity(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
    """The negative city-block distance, in (-inf, 0]. Shapes as in `cosine_similarity`."""
    return -torch.cdist(query.unsqueeze(1), keys, p=1.0).squeeze(1)


KERNELS: dict[str, Kernel] = {"cosine": cosine_similarity, "l2": l2_similarity, "l1": l1_similarity}

#: Lowest and highest similarity of a kernel; one without an entry may give any number.
RANGES: dict[str, tuple[float, float]] = {
    "cosine": (-1.0, 1.0),
    "l2": (float("-inf"), 0.0),
    "l1": (float("-inf"), 0.0),
}


def similarity_range(kernel: str) -> tuple[float, float]:
    """The lowest and the highest similarity that a kernel may give.

    >>> similarity_range("cosine")
    (-1.0, 1.0)
    """
    return RANGES.get(kernel, (float("-inf"), float("inf")))


def require_in_range(name: str, limit: float | None, kernel: str) -> None:
    """Raise `InputError` if a limit on the similarity is outside the kernel's range; None is no limit."""
    low, high = similarity_range(kernel)
    require(
        limit is None or low <= limit <= high,
        f"{name} is {limit}: similarities under the {kernel} kernel lie in [{low:g}, {high:g}]",
    )
