"""How an agent's encoder of drawings is built, and where its weights come from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from episodic.agents.cue_encoder import CueEncoder
from jsonargparse import Namespace

from episodic.checkpoints import load_embedder
from episodic.errors import InputError
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from launcher.stage_cli import fill_in_cue_encoder
from tests.lightning_modules.stages import DRAWN, save_drawing_encoder, save_encoder
from tests.test_cli import same

ARGUMENTS = {**DRAWN, "image_size": 28, "views": False}


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    return str(save_drawing_encoder(tmp_path / "drawings.ckpt"))


def test_what_is_left_open_comes_from_the_checkpoint(checkpoint: str) -> None:
    network, arguments = CueEncoder(checkpoint).build()
    assert isinstance(network, OmniglotEmbedder)
    assert arguments == ARGUMENTS
    assert not network.training
    loaded = load_embedder(checkpoint)
    assert not same(network.state_dict(), loaded.state_dict()), "weights come with `fill`"
    CueEncoder(checkpoint).fill(network)
    assert same(network.state_dict(), loaded.state_dict())


def test_what_is_given_needs_no_checkpoint(checkpoint: str) -> None:
    encoder = CueEncoder(checkpoint, "OmniglotEmbedder", ARGUMENTS)
    Path(checkpoint).unlink()
    network, arguments = encoder.build()
    assert isinstance(network, OmniglotEmbedder)
    assert arguments == ARGUMENTS


def test_what_is_given_stands(checkpoint: str) -> None:
    network, arguments = CueEncoder(checkpoint, arguments={"embedding_size": 5, "channels": 2}).build()
    assert network.embedding_size == 5
    assert arguments == {"embedding_size": 5, "channels": 2}
    assert CueEncoder(checkpoint, "OmniglotEmbedder", None).build()[1] == ARGUMENTS
    assert CueEncoder(checkpoint, "OmniglotEmbedder", {}).build()[1] == ARGUMENTS
    assert isinstance(CueEncoder(checkpoint, "").build()[0], OmniglotEmbedder)


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_checkpoint_it_starts_from_random_weights(nothing: str | None) -> None:
    encoder = CueEncoder(nothing, "ConvolutionalAutoencoder", {"latent_size": 3, "channels": 2})
    torch.manual_seed(0)
    network, _ = encoder.build()
    assert isinstance(network, ConvolutionalAutoencoder)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    encoder.fill(network)
    assert same(network.state_dict(), before)
    assert isinstance(CueEncoder(nothing).build()[0], OmniglotEmbedder)


def settings(**given: Any) -> Namespace:
    return Namespace(cue_encoder=Namespace(class_path="CueEncoder", init_args=Namespace(**given)))


def test_a_run_is_given_the_network_of_its_checkpoint(checkpoint: str) -> None:
    open_: dict[str, Any] = {"network": None, "arguments": None}
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}),
        ({"network": "OmniglotEmbedder"}, {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}),
        ({"arguments": {"channels": 3}}, {"network": "OmniglotEmbedder", "arguments": {"channels": 3}}),
        ({"network": "", "arguments": {}}, {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}),
    ]
    for given, expected in cases:
        model = settings(checkpoint=checkpoint, **{**open_, **given})
        fill_in_cue_encoder(model)
        assert model.cue_encoder.init_args.as_dict() == {"checkpoint": checkpoint, **expected}
    whole = {"checkpoint": "gone.ckpt", "network": "OmniglotEmbedder", "arguments": ARGUMENTS}
    for given in (whole, {**open_, "checkpoint": None}, {**open_, "checkpoint": ""}):
        model = settings(**given)
        fill_in_cue_encoder(model)
        assert model.cue_encoder.init_args.as_dict() == given
    for nothing in (Namespace(cue_encoder=None), Namespace()):
        before = nothing.clone()
        fill_in_cue_encoder(nothing)
        assert nothing == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code": "sign"}, "code is 'sign': it has to be one of embedding, class_sign"),
        ({"noise": 0.1}, "noise is 0.1: it is of binary codes, and code is 'embedding'"),
        ({"noise": 1.5, "code": "class_sign"}, "noise is 1.5: it has to lie between 0 and 1"),
        ({"network": "HiddenStateEmbedder"}, "cue_encoder.network is 'HiddenStateEmbedder': it has to be one of Conv"),
        ({"network": "Linear"}, "cue_encoder.network is 'Linear'"),
        ({"arguments": {"depth": 3}}, "cue_encoder.arguments do not fit OmniglotEmbedder: "),
        ({"arguments": {"channels": "many"}}, "cue_encoder.arguments do not fit OmniglotEmbedder: "),
        ({"arguments": {"channels": 1}}, "channels is 1: it has to be 2 or more"),
        ({"checkpoint": "none.ckpt"}, "checkpoint none.ckpt does not exist, nor a shipped encoder of this name"),
    ],
    ids=str,
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        CueEncoder(**options).build()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_an_encoder_of_states_is_refused(tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "states.ckpt")
    with pytest.raises(InputError, match=r"cue_encoder.network is 'HiddenStateEmbedder'"):
        CueEncoder(str(path)).build()


@pytest.mark.parametrize(
    ("network", "arguments"),
    [
        ("OmniglotEmbedder", {**ARGUMENTS, "embedding_size": 9}),
        ("OmniglotEmbedder", {**ARGUMENTS, "backbone": "convolutional"}),
        ("ConvolutionalAutoencoder", {"latent_size": 8}),
    ],
)
def test_a_network_that_is_built_otherwise_is_not_filled(
    network: str, arguments: dict[str, Any], checkpoint: str
) -> None:
    encoder = CueEncoder(checkpoint, network, arguments)
    with pytest.raises(InputError, match=r"that is not built as cue_encoder.network and arguments say") as error:
        encoder.fill(encoder.build()[0])
    assert checkpoint in str(error.value)
    assert "\n" not in str(error.value)
