"""Principal components against scikit-learn's."""

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from episodic.errors import InputError
from episodic.metrics.pca import PrincipalComponents

SIZE = 8


def draw(count: int, seed: int) -> Tensor:
    """Points far from the origin whose directions differ in variance."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, SIZE, generator=generator) * torch.linspace(0.2, 3.0, SIZE)
    turned = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(99))).Q
    points: Tensor = mixed @ turned + 10.0
    return points


@pytest.mark.parametrize("components", [1, 3, SIZE])
def test_reconstruction_equals_scikit_learn(components: int) -> None:
    train, test = draw(60, seed=0), draw(20, seed=1)
    reference = PCA(components, svd_solver="full").fit(train.double().numpy())
    expected = torch.from_numpy(reference.inverse_transform(reference.transform(test.double().numpy())))
    found = PrincipalComponents(train, components).reconstruct(test)
    assert found.dtype == train.dtype
    torch.testing.assert_close(found, expected.float(), atol=1e-4, rtol=1e-5)


def test_fewer_points_than_dimensions() -> None:
    train = draw(4, seed=0)
    torch.testing.assert_close(PrincipalComponents(train, 3).reconstruct(train), train, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("components", [0, -1, SIZE + 1])
def test_bad_number_of_components_is_named(components: int) -> None:
    with pytest.raises(InputError, match=f"^components is {components}"):
        PrincipalComponents(draw(10, seed=0), components)
