"""Vectors laid out in two dimensions, for pictures: principal components and t-SNE."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Points = npt.NDArray[np.float64]

#: t-SNE needs some neighbours to lay out.
FEWEST_FOR_TSNE = 4
#: Perplexity of t-SNE where there are enough points (van der Maaten and Hinton 2008 recommend 5 to 50).
PERPLEXITY = 30.0
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


class Plane(NamedTuple):
    """Points in two dimensions; where there is no picture of them, `note` says why."""

    points: Points  # [N, 2]
    centres: Points  # [C, 2]; C = 0 where there are none
    explained: tuple[float, float] | None  # share of the variance along either axis
    note: str | None


def pca_plane(vectors: Tensor, centres: Tensor | None = None) -> Plane:
    """The first two principal components of `[N, D]` vectors, with `[C, D]` centres in the same plane.

    Vectors that vary along one direction only lie on a line.
    """
    from sklearn.decomposition import PCA  # here, since importing it takes more than a second

    array = _array(vectors)
    if (note := _obstacle(array, 2, "PCA")) is not None:
        return _empty(len(array), note)
    pca = PCA(min(2, *array.shape), svd_solver="full").fit(array)
    explained = [*pca.explained_variance_ratio_, 0.0]
    placed = np.empty((0, 2)) if centres is None else _two(pca.transform(_array(centres)))
    return Plane(_two(pca.transform(array)), placed, (float(explained[0]), float(explained[1])), None)


def tsne_plane(vectors: Tensor) -> Plane:
    """The t-SNE map of `[N, D]` vectors (van der Maaten and Hinton 2008), always the same for the same vectors.

    Identical vectors are one point of the map and share its place; the perplexity is at most a third of the
    number of distinct points.
    """
    from sklearn.manifold import TSNE  # as above

    array = _array(vectors)
    if (note := _obstacle(array, FEWEST_FOR_TSNE, "t-SNE")) is not None:
        return _empty(len(array), note)
    chosen, place = np.unique(_first_alike(array), return_inverse=True)
    start = "pca" if array.shape[1] > 1 else "random"
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    rate = min(50.0, len(chosen) / 2)  # scikit-learn's own, at least 50, throws few points about
    tsne = TSNE(2, perplexity=perplexity, learning_rate=rate, init=start, random_state=0)
    points = np.asarray(tsne.fit_transform(array[chosen]), dtype=np.float64)
    return Plane(points[place], np.empty((0, 2)), None, None)


def distinct_count(vectors: Tensor) -> int:
    """Number of distinct vectors among `[N, D]`, up to rounding."""
    return len(np.unique(_first_alike(_array(vectors))))


def rosettes(points: Points, step: float) -> tuple[Points, bool]:
    """Spread points that lie on top of each other in a spiral about their place, so that each can be seen.

    The k-th of them moves by `step * sqrt(k)` of the picture's width along the golden angle, as the seeds of a
    sunflower do; the outermost moves by no more than a tenth.

    Args:
        points: `[N, 2]`.
        step: share of the picture's width.

    Returns:
        Points `[N, 2]`, and whether any lay on top of each other.
    """
    span = np.ptp(points, axis=0)
    span = np.where(span > 0, span, max(float(span.max()), 1.0))
    place, counts = np.unique(_first_alike(points / span), return_inverse=True, return_counts=True)[1:]
    rank = _rank_within(place)
    steps = np.minimum(step, 0.1 / np.sqrt(counts))[place]
    radius, angle = steps * np.sqrt(rank), rank * GOLDEN_ANGLE
    moved = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) * span
    return points + moved, bool(counts.max(initial=1) > 1)


def _rank_within(group: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """How many earlier members its group has: `[N]` -> `[N]`."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.searchsorted(ordered, ordered)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(group)) - first
    return rank


def _array(vectors: Tensor) -> Points:
    return vectors.detach().cpu().double().numpy()


def _first_alike(array: Points) -> npt.NDArray[np.intp]:
    """The first row that each of `[N, D]` rows equals, up to a millionth of the largest number -> `[N]`."""
    if len(array) == 0:
        return np.empty(0, dtype=np.intp)
    rows = torch.from_numpy(array)
    # Not by the matrix product, whose rounding would set equal rows apart.
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    alike = distances <= 1e-6 * np.abs(array).max(initial=0.0)
    np.fill_diagonal(alike, True)  # also where numbers are not finite
    return np.asarray(alike.argmax(axis=1))


def _obstacle(array: Points, fewest: int, method: str) -> str | None:
    if not np.isfinite(array).all():
        return "not all numbers are finite"
    distinct = len(np.unique(_first_alike(array)))
    return f"{method} needs {fewest} distinct points:\nhere are {distinct}" if distinct < fewest else None


def _two(points: Points) -> Points:
    """One or two columns -> two columns."""
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def _empty(count: int, note: str) -> Plane:
    return Plane(np.zeros((count, 2)), np.empty((0, 2)), None, note)
