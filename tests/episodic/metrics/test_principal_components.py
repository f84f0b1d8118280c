"""The error of principal components against the eigenvectors of the covariance."""

import numpy as np
import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.metrics.principal_components import pca_mse

SIZE = 8


def draw(count: int, seed: int) -> Tensor:
    """Points far from the origin whose directions differ in variance."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, SIZE, generator=generator) * torch.linspace(0.2, 3.0, SIZE)
    turned = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(99))).Q
    points: Tensor = mixed @ turned + 10.0
    return points


@pytest.mark.parametrize("components", [1, 3, SIZE])
def test_the_error_is_that_of_the_eigenvectors(components: int) -> None:
    train, test = draw(60, seed=0), draw(20, seed=1)
    mean = train.double().numpy().mean(axis=0)
    directions = np.linalg.eigh(np.cov(train.double().numpy().T)).eigenvectors[:, -components:]
    centred = test.double().numpy() - mean
    expected = ((centred - centred @ directions @ directions.T) ** 2).mean()
    assert pca_mse(train, test, components).item() == pytest.approx(expected, abs=1e-12)


def test_fewer_points_than_dimensions() -> None:
    train = draw(4, seed=0)
    assert pca_mse(train, train, 3) < 1e-12


@pytest.mark.parametrize("components", [0, -1, SIZE + 1])
def test_bad_number_of_components_is_named(components: int) -> None:
    with pytest.raises(InputError, match=f"^components is {components}"):
        pca_mse(draw(10, seed=0), draw(10, seed=0), components)
