"""The projection onto discriminant directions, against SciPy's generalised eigenvalues."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import Tensor

from episodic.networks.discriminant import SHRINKAGE, discriminant_projection


def clouds(drawings: int = 6, classes: int = 9, size: int = 7) -> tuple[Tensor, Tensor]:
    """Vectors of classes that vary in some directions more than in others, in random order."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randperm(classes * drawings, generator=generator) % classes
    means = torch.randn(classes, size, generator=generator)
    spread = torch.linspace(0.1, 3.0, size)
    return means[labels] + spread * torch.randn(len(labels), size, generator=generator), 10 * labels + 3


def directions(vectors: Tensor, labels: Tensor, size: int) -> NDArray[np.float64]:
    """The same by a loop over classes and another solver, as rows of any length."""
    x = vectors.double().numpy()
    within = np.zeros((x.shape[1], x.shape[1]))
    for label in labels.unique():
        members = x[(labels == label).numpy()]
        within += len(members) * np.cov(members.T, bias=True)
    within /= len(x)
    shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    return np.asarray(eigh(x.T @ x / len(x), shrunk)[1][:, -size:].T)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_rows_solve_the_generalised_problem(size: int) -> None:
    vectors, labels = clouds()
    found = discriminant_projection(vectors, labels, size).numpy()
    expected = directions(vectors, labels, size)
    expected *= np.sign((found * expected).sum(axis=1, keepdims=True)) / np.linalg.norm(expected, axis=1).max()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.linalg.norm(found, axis=1).max() == pytest.approx(1.0)


def test_classes_are_further_apart_than_by_principal_directions() -> None:
    vectors, labels = clouds(drawings=40)
    principal = torch.linalg.svd(vectors, full_matrices=False).Vh[:2]
    ratios = []
    for projection in (principal, discriminant_projection(vectors, labels, 2).float()):
        projected = vectors @ projection.T
        means = torch.stack([projected[labels == label].mean(dim=0) for label in labels.unique()])
        within = sum(float((projected[labels == label].var(dim=0)).sum()) for label in labels.unique()) / len(means)
        ratios.append(float(means.var(dim=0).sum()) / within)
    assert ratios[1] > 1.5 * ratios[0]


def test_classes_of_one_vector_leave_singular_vectors() -> None:
    vectors, _ = clouds()
    found = discriminant_projection(vectors, torch.arange(len(vectors)), 3).float()
    torch.testing.assert_close(found @ found.T, torch.eye(3), atol=1e-5, rtol=0)
    kept = (vectors @ found.T).square().sum()
    torch.testing.assert_close(kept, torch.linalg.svdvals(vectors)[:3].square().sum())


def test_equal_vectors_are_no_obstacle() -> None:
    found = discriminant_projection(torch.ones(6, 4), torch.arange(6) // 2, 2)
    torch.testing.assert_close(found[-1].abs(), torch.full((4,), 0.5).double())  # the only direction there is
