"""How an agent's embedder of drawings is built."""

from typing import Any

import pytest

from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.errors import InputError
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.omniglot_embedder import OmniglotEmbedder


@pytest.mark.parametrize("nothing", [None, ""])
def test_left_open_it_is_the_first_network(nothing: str | None) -> None:
    network = DrawingEmbedderConfig(nothing, {}).build()
    assert isinstance(network, OmniglotEmbedder)
    assert not network.training


def test_network_and_arguments_may_be_given() -> None:
    network = DrawingEmbedderConfig("ConvolutionalAutoencoder", {"latent_size": 3, "channels": 2}).build()
    assert isinstance(network, ConvolutionalAutoencoder)
    assert network.arguments["latent_size"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code": "sign"}, "perception.embedder.code is 'sign'"),
        ({"noise": 0.1}, "perception.embedder.noise is 0.1: only binary codes"),
        ({"noise": 1.5, "code": "class_sign"}, "perception.embedder.noise is 1.5"),
        ({"network": "HiddenStateEmbedder"}, "perception.embedder.network is 'HiddenStateEmbedder'"),
        ({"network": "Linear"}, "perception.embedder.network is 'Linear'"),
        ({"arguments": {"depth": 3}}, "perception.embedder.arguments do not fit OmniglotEmbedder"),
        ({"arguments": {"channels": "many"}}, "perception.embedder.arguments do not fit OmniglotEmbedder"),
        ({"arguments": {"channels": 1}}, "channels is 1"),
    ],
    ids=str,
)
def test_bad_settings_are_named_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        DrawingEmbedderConfig(**options).build()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
