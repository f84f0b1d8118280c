"""The small autoencoder: its layers one by one, its code, and what a checkpoint brings back."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, linear, max_pool2d

from episodic.checkpoints import EMBEDDER_KEY, describe_embedder, load_embedder
from episodic.errors import InputError
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder
from tests.episodic.memory.memory_oracle import DEVICES


def drawings(side: int = 28) -> Tensor:
    return torch.rand(3, 1, side, side, generator=torch.Generator().manual_seed(0))


def by_layers(network: TwoLayerAutoencoder, images: Tensor, side: int, projected: bool) -> tuple[Tensor, Tensor]:
    """Embedding and reconstruction, layer after layer."""
    weights = iter(network.parameters())
    x = max_pool2d(conv2d(images, next(weights), next(weights), padding=1).clamp(min=0), 2)
    latent = max_pool2d(conv2d(x, next(weights), next(weights), padding=1).clamp(min=0), 2).flatten(1)
    back = latent
    if projected:
        latent = linear(latent, next(weights), next(weights))
        back = linear(latent, next(weights), next(weights)).clamp(min=0)
    x = conv_transpose2d(back.view(-1, 4, side, side), next(weights), next(weights), stride=2).clamp(min=0)
    return latent, 1 / (1 + (-conv_transpose2d(x, next(weights), next(weights), stride=2)).exp())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("latent_size", "image_size", "length"), [(None, 28, 196), (196, 28, 196), (5, 28, 5), (None, 32, 256)]
)
def test_it_is_two_layers_down_and_two_up(latent_size: int | None, image_size: int, length: int, device: str) -> None:
    torch.manual_seed(0)
    network, images = (
        TwoLayerAutoencoder(image_size, latent_size=latent_size).to(device),
        drawings(image_size).to(device),
    )
    latent, reconstruction = by_layers(network, images, image_size // 4, length == 5)
    assert latent.shape == (3, length) == (3, network.latent_size)
    torch.testing.assert_close(network.embed(images), latent)
    torch.testing.assert_close(network(images), reconstruction)
    assert reconstruction.shape == images.shape


def test_it_has_as_many_weights_as_it_says() -> None:
    assert sum(parameter.numel() for parameter in TwoLayerAutoencoder().parameters()) == 1077


@pytest.mark.parametrize("latent_size", [196, 5])
def test_it_comes_back_from_a_checkpoint(latent_size: int, tmp_path: Path) -> None:
    arguments = {"latent_size": latent_size, "image_size": 28, "channels": 3}
    network, path = TwoLayerAutoencoder(**arguments), tmp_path / "stage.ckpt"
    assert network.arguments == arguments
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": weights, EMBEDDER_KEY: describe_embedder(network, "network.")}, path)
    assert torch.equal(load_embedder(path).embed(drawings(40)), network.embed(drawings(40)))


@pytest.mark.parametrize(("name", "value"), [("latent_size", 0), ("channels", 0), ("image_size", 30)])
def test_bad_sizes_are_named(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value}"):
        TwoLayerAutoencoder(**{name: value})
