"""Regularised linear discriminant analysis: directions that vary between classes and little within them."""

import torch
from torch import Tensor

#: Share of the identity in the scatter within classes: classes that a network was trained on vary less than new ones.
SHRINKAGE = 0.75


def discriminant_projection(vectors: Tensor, labels: Tensor, size: int) -> Tensor:
    """Return the projection of vectors `[N, F]` onto their `size` most discriminant directions, `[size, F]`.

    Its rows are the leading solutions of `total w = value * within w`, where `total` is the vectors' scatter about zero
    and `within` that about the means of their classes, shrunk towards a multiple of the identity (Friedman 1989,
    "Regularized Discriminant Analysis", J. Am. Stat. Assoc. 84). The most discriminant direction is last, and the
    longest row has length 1. If no class has two vectors, these are their leading right singular vectors.

    Differs from the paper: the total scatter is about zero instead of about the mean, as cosines are.

    Args:
        vectors: `[N, F]`.
        labels: their classes, `[N]` long.
        size: at most F.

    >>> vectors = torch.tensor([[1.0, 0.5], [1.0, -0.5], [-1.0, 0.5], [-1.0, -0.5]])
    >>> discriminant_projection(vectors, torch.tensor([0, 0, 1, 1]), 1).abs().tolist()  # not the second number
    [[1.0, 0.0]]
    """
    vectors = vectors.double()
    _, classes, counts = labels.unique(return_inverse=True, return_counts=True)
    means = vectors.new_zeros(len(counts), vectors.shape[1]).index_add_(0, classes, vectors) / counts.unsqueeze(1)
    total, within = (x.T @ x / len(x) for x in (vectors, vectors - means[classes]))
    identity = torch.eye(len(total), dtype=total.dtype, device=total.device)
    level = SHRINKAGE * within.diagonal().mean() + 1e-6 * total.diagonal().mean()  # not 0 if the classes do not vary
    root = torch.linalg.cholesky((1 - SHRINKAGE) * within + level * identity)
    whitening = torch.linalg.inv(root)
    leading = torch.linalg.eigh(whitening @ total @ whitening.T).eigenvectors[:, -size:]  # in ascending order
    rows: Tensor = leading.T @ whitening
    longest: Tensor = rows.norm(dim=1).max()
    return rows / longest
