"""Layouts in two dimensions against NumPy, and vectors that cannot be laid out."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from episodic.plots.planes import distinct_count, pca_plane, rosettes, tsne_plane
from tests.episodic.plots.plotted import vectors


def test_principal_components_equal_the_eigenvectors_of_the_covariance() -> None:
    points = vectors(20, 5) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1])
    plane = pca_plane(points, points[:4])
    array = points.double().numpy()
    centred = array - array.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    expected = centred @ axes[:, ::-1][:, :2]
    np.testing.assert_allclose(np.abs(plane.points), np.abs(expected), atol=1e-9)  # an axis may point either way
    np.testing.assert_allclose(plane.centres, plane.points[:4], atol=1e-9)
    assert plane.explained == pytest.approx(tuple(values[::-1][:2] / values.sum()))


@pytest.mark.parametrize("points", [vectors(2, 4), vectors(6, 1)])
def test_what_lies_on_a_line_is_drawn_on_a_line(points: Tensor) -> None:
    plane = pca_plane(points)
    assert plane.points.shape == (len(points), 2)
    np.testing.assert_allclose(plane.points[:, 1], 0, atol=1e-7)
    assert plane.explained == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize(("classes", "each"), [(3, 8), (2, 3), (10, 10)])
def test_tsne_sets_like_beside_like(classes: int, each: int) -> None:
    labels = torch.arange(classes).repeat_interleave(each)
    points = 5 * vectors(classes, 20)[labels] + vectors(len(labels), 20, seed=1)
    plane = tsne_plane(points)
    distances = np.linalg.norm(plane.points[:, None] - plane.points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (labels.numpy()[distances.argmin(axis=1)] == labels.numpy()).all()
    np.testing.assert_array_equal(tsne_plane(points).points, plane.points)


@pytest.mark.parametrize("size", [1, 6])
def test_tsne_of_identical_vectors_shares_their_place(size: int) -> None:
    distinct = vectors(4, size)
    places = torch.tensor([0, 1, 2, 3, 3, 0, 0])
    plane = tsne_plane(distinct[places])
    assert plane.note is None
    assert len(np.unique(plane.points, axis=0)) == 4
    np.testing.assert_array_equal(plane.points, plane.points[:4][places.numpy()])


@pytest.mark.parametrize(
    ("points", "pca", "tsne"),
    [
        (torch.zeros(0, 3), "needs 2 distinct points:\nthere are 0", "needs 4 distinct points:\nthere are 0"),
        (torch.ones(9, 3), "needs 2 distinct points:\nthere are 1", "needs 4 distinct points:\nthere are 1"),
        (vectors(3, 3), None, "needs 4 distinct points:\nthere are 3"),
        (vectors(3, 3).repeat(5, 1), None, "there are 3"),
        (torch.tensor([[0.0], [1.0], [math.nan], [2.0]]), "finite", "finite"),
    ],
)
def test_what_cannot_be_laid_out_is_told(points: Tensor, pca: str | None, tsne: str) -> None:
    plane = pca_plane(points)
    assert (plane.note is None) if pca is None else (plane.note is not None and pca in plane.note)
    note = tsne_plane(points).note
    assert note is not None
    assert tsne in note


def test_distinct_vectors_are_counted_up_to_rounding() -> None:
    points = vectors(6, 4)
    assert distinct_count(torch.cat([points, points * (1 + 1e-7), points[:2] + 0.1])) == 8
    assert distinct_count(torch.zeros(3, 2)) == 1


def test_rosettes_spread_what_lies_together_and_leave_the_rest() -> None:
    points = np.array([[0.0, 0.0], [10.0, 2.0], [0.0, 0.0], [5.0, 1.0], *[[10.0, 2.0]] * 200])
    moved, any_together = rosettes(points, 0.02)
    assert any_together
    assert len(np.unique(moved, axis=0)) == len(points)
    np.testing.assert_array_equal(moved[[0, 1, 3]], points[[0, 1, 3]])  # the first of a place stays
    shares = np.linalg.norm((moved - points) / (10.0, 2.0), axis=1)
    assert shares[2] == pytest.approx(0.02)
    assert 0.09 < shares.max() <= 0.1
    alone, any_together = rosettes(points[[0, 1, 3]], 0.02)
    assert not any_together
    np.testing.assert_array_equal(alone, points[[0, 1, 3]])


def test_rosettes_of_a_single_place() -> None:
    moved, _ = rosettes(np.ones((5, 2)), 0.02)
    assert np.isfinite(moved).all()
    assert len(np.unique(moved, axis=0)) == 5
