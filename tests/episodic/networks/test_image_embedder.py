"""Every network of drawings refuses, in one clear line, drawings that it would embed wrongly."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.image_embedder import ImageEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder

BUILD: dict[str, Callable[[], ImageEmbedder]] = {
    "residual": lambda: OmniglotEmbedder(embedding_size=3, channels=2),
    "averaging": lambda: OmniglotEmbedder(embedding_size=3, channels=2, views=True),
    "turns": lambda: OmniglotEmbedder(embedding_size=3, channels=2, turns=8),
    "convolutional": lambda: ConvolutionalAutoencoder(latent_size=3, channels=2),
    "two_layer": lambda: TwoLayerAutoencoder(latent_size=3, channels=2),
}


@pytest.fixture(params=BUILD)
def network(request: pytest.FixtureRequest) -> ImageEmbedder:
    return BUILD[request.param]().eval()


def drawings(side: int = 28, *, channels: int = 1, width: int | None = None) -> Tensor:
    return torch.rand(2, channels, side, width or side, generator=torch.Generator().manual_seed(0))


SHAPES = {
    "not square": (drawings(28, width=30), r"\(2, 1, 28, 30\)"),
    "three channels": (drawings(channels=3), r"\(2, 3, 28, 28\)"),
    "no channel": (drawings().squeeze(1), r"\(2, 28, 28\)"),
    "small": (drawings(27), "27 x 27"),
}
TYPES = {
    "bytes": ((drawings() * 255).byte(), r"torch.uint8: floats in \[0, 1\] .* images.float\(\) / 255$"),
    "integers": (drawings().round().long(), r"torch.int64: floats in \[0, 1\] .* images.float\(\) / 255$"),
    "half": (drawings().half(), r"torch.float16: .* use images.to\(torch.float32\)$"),
    "double": (drawings().double(), r"torch.float64: .* use images.to\(torch.float32\)$"),
}
VALUES = {
    "up to 255": (drawings() * 255, r"from [\d.]+ to 25\d.*: .* images / 255$"),
    "negative": (drawings() * 2 - 1, r"from -[\d.]+ to [\d.]+: grey levels in \[0, 1\] with ink = 1 are needed$"),
    "NaN": (drawings().masked_fill(drawings() > 0.99, float("nan")), "NaN: grey levels"),
    "infinite": (drawings().masked_fill(drawings() > 0.99, float("inf")), "inf: grey levels"),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", [*SHAPES, *TYPES])
def test_shapes_and_types_are_always_checked(name: str, training: bool, network: ImageEmbedder) -> None:
    images, complaint = (SHAPES | TYPES)[name]
    with pytest.raises(InputError, match=f"^images .*{complaint}") as error:
        network.train(training).embed(images)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_checked_outside_training(name: str, network: ImageEmbedder) -> None:
    images, complaint = VALUES[name]
    with pytest.raises(InputError, match=f"^images hold .*{complaint}"):
        network.embed(images)
    network.train().embed(images)  # a training step never looks at the values


def test_any_ink_and_any_large_square_will_do(network: ImageEmbedder) -> None:
    for images in (drawings(), 1 - drawings(), drawings(105), torch.zeros(2, 1, 28, 28), drawings() * 1.001):
        assert network.embed(images).shape == (2, 3)
    assert network.embed(drawings()[:0]).shape == (0, 3)


def test_half_precision_is_welcome_under_autocast_and_with_half_weights(network: ImageEmbedder) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert network.embed(drawings().bfloat16()).shape == (2, 3)
    if not isinstance(network, OmniglotEmbedder):
        assert network.double().embed(drawings().double()).dtype == torch.float64


def test_arguments_build_the_same_network_again(network: ImageEmbedder) -> None:
    again = type(network)(**network.arguments)
    again.load_state_dict(network.state_dict())
    assert again.arguments == network.arguments
    assert torch.equal(again.eval().embed(drawings()), network.embed(drawings()))
