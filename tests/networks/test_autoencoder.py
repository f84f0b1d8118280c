"""The convolutional autoencoder's contract: any square drawing in, an embedding or a drawing out."""

import pytest
import torch
from torch import Tensor

from errors import InputError
from networks.autoencoder import ConvolutionalAutoencoder

LATENT = 5


def build(image_size: int = 28) -> ConvolutionalAutoencoder:
    torch.manual_seed(0)
    return ConvolutionalAutoencoder(LATENT, image_size, channels=4)


def drawings(height: int, width: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 1, height, width or height, generator=generator)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("height", [28, 29, 35, 64, 105])
@pytest.mark.parametrize("image_size", [28, 32])
def test_any_square_drawing_is_taken(height: int, image_size: int, training: bool) -> None:
    network = build(image_size).train(training)
    images = drawings(height)
    assert network.embed(images).shape == (3, LATENT)
    reconstruction = network(images)
    assert reconstruction.shape == (3, 1, image_size, image_size)
    assert 0.0 <= reconstruction.min() <= reconstruction.max() <= 1.0


def test_output_stays_in_range_for_any_latent() -> None:
    decoded = build().eval().decode(1e4 * torch.randn(8, LATENT))
    assert decoded.shape == (8, 1, 28, 28)
    assert 0.0 <= decoded.min() <= decoded.max() <= 1.0


def test_forward_decodes_the_embedding() -> None:
    network, images = build().eval(), drawings(40)
    torch.testing.assert_close(network(images), network.decode(network.embed(images)))


def test_drawings_are_embedded_one_by_one_in_evaluation() -> None:
    network, images = build().eval(), drawings(28)
    together = network.embed(images)
    assert not torch.allclose(together[0], together[1])
    torch.testing.assert_close(together, torch.cat([network.embed(image.unsqueeze(0)) for image in images]))


def test_it_can_learn_a_drawing() -> None:
    network = build()
    images = torch.eye(28).expand(3, 1, -1, -1) * torch.tensor([0.2, 0.5, 1.0]).view(3, 1, 1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    errors = []
    for _ in range(25):
        error = torch.nn.functional.mse_loss(network(images), images)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


@pytest.mark.parametrize("images", [drawings(28, 32), drawings(27)], ids=["not square", "small"])
def test_other_drawings_are_refused(images: Tensor) -> None:
    with pytest.raises(InputError, match=r"^images"):
        build().embed(images)


@pytest.mark.parametrize(
    ("name", "value"),
    [("latent_size", 0), ("channels", 0), ("image_size", 24), ("image_size", 30), ("image_size", -28)],
)
def test_bad_sizes_are_named(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value}"):
        ConvolutionalAutoencoder(**{name: value})
