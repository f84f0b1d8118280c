"""Layouts of vectors in two dimensions: principal components and t-SNE."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Points = npt.NDArray[np.float64]

#: Fewest distinct points that t-SNE lays out.
FEWEST_FOR_TSNE = 4
#: Perplexity of t-SNE if there are enough points (van der Maaten and Hinton 2008 recommend 5 to 50).
PERPLEXITY = 30.0
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


class Plane(NamedTuple):
    """Points in two dimensions."""

    points: Points  # [N, 2]
    centres: Points  # [C, 2], or [0, 2]
    explained: tuple[float, float] | None  # share of the variance along each axis; None for t-SNE
    note: str | None  # why the points cannot be laid out


def pca_plane(vectors: Tensor, centres: Tensor | None = None) -> Plane:
    """Project vectors onto their first two principal components.

    Vectors that vary along one direction only lie on a line.

    Args:
        vectors: `[N, D]`.
        centres: `[C, D]`, projected onto the same plane.

    >>> pca_plane(torch.tensor([[0.0, 0.0], [4.0, 0.0]])).explained
    (1.0, 0.0)
    """
    from sklearn.decomposition import PCA  # imported late because it takes more than a second

    array = _array(vectors)
    if (note := _obstacle(array, 2, "PCA")) is not None:
        return _empty(len(array), note)
    pca = PCA(min(2, *array.shape), svd_solver="full").fit(array)
    explained = [*pca.explained_variance_ratio_, 0.0]
    projected = np.empty((0, 2)) if centres is None else _two(pca.transform(_array(centres)))
    return Plane(_two(pca.transform(array)), projected, (float(explained[0]), float(explained[1])), None)


def tsne_plane(vectors: Tensor) -> Plane:
    """Lay `[N, D]` vectors out by t-SNE (van der Maaten and Hinton 2008); the same vectors give the same layout.

    Identical vectors share one point. The perplexity is at most a third of the number of distinct points.
    """
    from sklearn.manifold import TSNE

    array = _array(vectors)
    if (note := _obstacle(array, FEWEST_FOR_TSNE, "t-SNE")) is not None:
        return _empty(len(array), note)
    chosen, index = np.unique(_first_alike(array), return_inverse=True)
    start = "pca" if array.shape[1] > 1 else "random"
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    rate = min(50.0, len(chosen) / 2)  # scikit-learn's default, at least 50, scatters few points too far
    tsne = TSNE(2, perplexity=perplexity, learning_rate=rate, init=start, random_state=0)
    points = np.asarray(tsne.fit_transform(array[chosen]), dtype=np.float64)
    return Plane(points[index], np.empty((0, 2)), None, None)


def distinct_count(vectors: Tensor) -> int:
    """Count the distinct vectors among `[N, D]`, up to rounding.

    >>> distinct_count(torch.tensor([[1.0], [1.0], [2.0]]))
    2
    """
    return len(np.unique(_first_alike(_array(vectors))))


def rosettes(points: Points, step: float) -> tuple[Points, bool]:
    """Spread points that coincide in a spiral, so that each can be seen.

    The k-th of them moves by `step * sqrt(k)` along the golden angle, like the seeds of a sunflower. No point moves by
    more than a tenth of the width.

    Args:
        points: `[N, 2]`.
        step: as a share of the width of all points.

    Returns:
        Points `[N, 2]`, and whether any coincided.
    """
    span = np.ptp(points, axis=0)
    span = np.where(span > 0, span, max(float(span.max()), 1.0))
    group, counts = np.unique(_first_alike(points / span), return_inverse=True, return_counts=True)[1:]
    rank = _rank_within(group)
    steps = np.minimum(step, 0.1 / np.sqrt(counts))[group]
    radius, angle = steps * np.sqrt(rank), rank * GOLDEN_ANGLE
    moved = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) * span
    return points + moved, bool(counts.max(initial=1) > 1)


def _rank_within(group: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Count the earlier members of each element's group: `[N]` -> `[N]`."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.searchsorted(ordered, ordered)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(group)) - first
    return rank


def _array(vectors: Tensor) -> Points:
    return vectors.detach().cpu().double().numpy()


def _first_alike(array: Points) -> npt.NDArray[np.intp]:
    """Return the first row that equals each of `[N, D]` rows, up to a millionth of the largest number: `[N]`."""
    if len(array) == 0:
        return np.empty(0, dtype=np.intp)
    rows = torch.from_numpy(array)
    # Without a matrix product, whose rounding would separate equal rows.
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    alike = distances <= 1e-6 * np.abs(array).max(initial=0.0)
    np.fill_diagonal(alike, True)  # also for numbers that are not finite
    return np.asarray(alike.argmax(axis=1))


def _obstacle(array: Points, fewest: int, method: str) -> str | None:
    if not np.isfinite(array).all():
        return "not all numbers are finite"
    distinct = len(np.unique(_first_alike(array)))
    return f"{method} needs {fewest} distinct points:\nthere are {distinct}" if distinct < fewest else None


def _two(points: Points) -> Points:
    """Pad one column to two."""
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def _empty(count: int, note: str) -> Plane:
    return Plane(np.zeros((count, 2)), np.empty((0, 2)), None, note)
