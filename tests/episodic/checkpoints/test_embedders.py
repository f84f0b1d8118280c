"""Checkpoints: encoders that come back as they were, and files that must not be trusted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.checkpoints import embedders
from episodic.checkpoints.embedders import (
    EMBEDDER_KEY,
    describe_checkpoint,
    describe_embedder,
    load_embedder,
)
from episodic.errors import InputError
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.embedder import Embedder

ARGUMENTS = {"latent_size": 4, "image_size": 28, "channels": 2, "blocks": 0}
PREFIX = "network."


def train_a_little() -> ConvolutionalAutoencoder:
    """An autoencoder whose normalisation has statistics of its own."""
    torch.manual_seed(0)
    network = ConvolutionalAutoencoder(**ARGUMENTS)
    for _ in range(3):
        network(torch.rand(4, 1, 28, 28))
    return network


def checkpoint(network: Embedder) -> dict[str, Any]:
    """A stage's checkpoint, with weights besides those of the encoder."""
    weights = {PREFIX + name: value for name, value in network.state_dict().items()}
    return {
        "state_dict": {**weights, "head.weight": torch.ones(2)},
        EMBEDDER_KEY: describe_embedder(network, PREFIX),
        "epoch": 3,
    }


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def one_line(path: str | Path, read: Callable[[str | Path], object] = load_embedder) -> str:
    """The message of the InputError that reading `path` has to raise."""
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_an_encoder_comes_back_as_it_was(tmp_path: Path) -> None:
    network = train_a_little()
    path = save(checkpoint(network), tmp_path / "stage.ckpt")
    loaded = load_embedder(path)
    path.unlink()
    assert isinstance(loaded, ConvolutionalAutoencoder)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    images = torch.rand(3, 1, 40, 40)
    torch.testing.assert_close(loaded.embed(images), network.eval().embed(images))


def test_paths_may_be_strings(tmp_path: Path) -> None:
    path = save(checkpoint(train_a_little()), tmp_path / "stage.ckpt")
    assert isinstance(load_embedder(str(path)), ConvolutionalAutoencoder)


class Linear(Embedder):
    """No network that a checkpoint may name."""

    def embed(self, x: Tensor) -> Tensor:
        return x


def test_a_network_that_is_not_listed_cannot_be_described() -> None:
    with pytest.raises(InputError, match="network is a Linear: it must be one of HiddenStateEmbedder, "):
        describe_embedder(Linear(), "")


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in one_line(tmp_path / "none.ckpt")
    assert "does not exist" in one_line(tmp_path)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped encoders, and an empty working directory beside it."""
    folder = tmp_path / "pretrained"
    for path in (folder, tmp_path / "work"):
        path.mkdir()
    monkeypatch.setattr(embedders, "SHIPPED", folder)
    monkeypatch.chdir(tmp_path / "work")
    return folder


def test_a_shipped_encoder_has_a_name(shipped: Path) -> None:
    network = train_a_little()
    save(checkpoint(network), shipped / "small_one.ckpt")
    drawings = torch.rand(3, 1, 28, 28)
    for name in ("small_one", Path("small_one"), shipped / "small_one.ckpt"):
        loaded = load_embedder(name)
        assert isinstance(loaded, ConvolutionalAutoencoder)
        torch.testing.assert_close(loaded.embed(drawings), network.eval().embed(drawings))


def test_a_file_goes_before_a_name(shipped: Path) -> None:
    save("no checkpoint", shipped / "small_one.ckpt")
    save(checkpoint(train_a_little()), Path("small_one"))
    assert isinstance(load_embedder("small_one"), ConvolutionalAutoencoder)


@pytest.mark.parametrize("name", ["small", "small_one.ckpt", "pretrained/small_one", "../pretrained/small_one", ""])
def test_other_names_hear_which_are_shipped(name: str, shipped: Path) -> None:
    assert one_line(name).endswith("does not exist, and no shipped encoder has this name: there are none")
    for known in ("small_one", "large_one"):
        save(checkpoint(train_a_little()), shipped / f"{known}.ckpt")
    assert one_line(name).endswith("there are large_one, small_one")


def test_the_shipped_encoders_lie_in_the_project() -> None:
    project = Path(__file__).resolve().parents[3]
    assert project / "episodic" / "checkpoints" / "shipped" == embedders.SHIPPED
    assert embedders.SHIPPED.is_dir()


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    content = checkpoint(train_a_little())
    halved = {k: v.half() if v.is_floating_point() else v for k, v in content["state_dict"].items()}
    loaded = load_embedder(save({**content, "state_dict": halved}, tmp_path / "half.ckpt"))
    for name, value in loaded.state_dict().items():
        assert value.dtype == content["state_dict"][PREFIX + name].dtype
        assert torch.equal(value, halved[PREFIX + name].to(value.dtype))


@pytest.mark.parametrize("address", ["http://example.org/stage.ckpt", "s3://bucket/stage.ckpt"])
def test_addresses_are_refused_as_such(address: str) -> None:
    with pytest.raises(InputError, match="is an address"):
        load_embedder(address)


@pytest.mark.parametrize("description", [None, "autoencoder"])
def test_a_checkpoint_without_an_encoder(description: str | None, tmp_path: Path) -> None:
    content: dict[str, Any] = {"state_dict": {}, EMBEDDER_KEY: description}
    assert "no encoder" in one_line(save(content, tmp_path / "agent.ckpt"))


@pytest.mark.parametrize("network", ["Sequential", "torch.nn.Linear", None, ["ConvolutionalAutoencoder"]], ids=str)
def test_an_unknown_network(network: object, tmp_path: Path) -> None:
    content = checkpoint(train_a_little())
    content[EMBEDDER_KEY]["network"] = network
    message = one_line(save(content, tmp_path / "odd.ckpt"))
    assert "ConvolutionalAutoencoder" in message  # what is known


def lacks_a_weight(content: dict[str, Any]) -> None:
    del content["state_dict"][PREFIX + "encoder.0.weight"]


def has_one_more(content: dict[str, Any]) -> None:
    content["state_dict"][PREFIX + "more"] = torch.ones(1)


def has_another_size(content: dict[str, Any]) -> None:
    content[EMBEDDER_KEY]["arguments"]["latent_size"] = 5


def has_an_unknown_argument(content: dict[str, Any]) -> None:
    content[EMBEDDER_KEY]["arguments"]["depth"] = 5


def has_an_impossible_argument(content: dict[str, Any]) -> None:
    content[EMBEDDER_KEY]["arguments"]["channels"] = 0


def has_no_arguments(content: dict[str, Any]) -> None:
    del content[EMBEDDER_KEY]["arguments"]


def has_a_list_of_arguments(content: dict[str, Any]) -> None:
    content[EMBEDDER_KEY]["arguments"] = [4, 28, 2]


def has_another_prefix(content: dict[str, Any]) -> None:
    content[EMBEDDER_KEY]["prefix"] = "encoder."


def has_a_number_for_a_weight(content: dict[str, Any]) -> None:
    content["state_dict"][PREFIX + "encoder.0.weight"] = 3


@pytest.mark.parametrize(
    "damage",
    [
        lacks_a_weight,
        has_one_more,
        has_another_size,
        has_an_unknown_argument,
        has_an_impossible_argument,
        has_no_arguments,
        has_a_list_of_arguments,
        has_another_prefix,
        has_a_number_for_a_weight,
    ],
)
def test_weights_that_do_not_fit(damage: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    content = checkpoint(train_a_little())
    damage(content)
    assert "does not fit" in one_line(save(content, tmp_path / "odd.ckpt"))


# ------------------------------------------------------------------------------------------------ descriptions


def test_a_checkpoint_says_how_its_encoder_is_built(shipped: Path) -> None:
    path = save(checkpoint(train_a_little()), shipped / "small_one.ckpt")
    for name in (path, str(path), "small_one"):
        described = describe_checkpoint(name)
        assert described == {"network": "ConvolutionalAutoencoder", "arguments": ARGUMENTS}
        assert isinstance(described["arguments"], dict)
    built = embedders.NETWORKS[described["network"]](**described["arguments"])
    built.load_state_dict(load_embedder(path).state_dict())


@pytest.mark.parametrize("damage", [has_no_arguments, has_a_list_of_arguments])
def test_a_description_without_arguments_is_one_line(damage: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    content = checkpoint(train_a_little())
    damage(content)
    assert "does not fit its own description" in one_line(save(content, tmp_path / "odd.ckpt"), describe_checkpoint)


def test_what_load_embedder_refuses_is_not_described_either(tmp_path: Path) -> None:
    assert "does not exist" in one_line(tmp_path / "none.ckpt", describe_checkpoint)
    agent = save({"state_dict": {}}, tmp_path / "agent.ckpt")
    assert "contains no encoder" in one_line(agent, describe_checkpoint)
    content = checkpoint(train_a_little())
    content[EMBEDDER_KEY]["network"] = "Sequential"
    assert "'Sequential': known are" in one_line(save(content, tmp_path / "odd.ckpt"), describe_checkpoint)
    (tmp_path / "notes.ckpt").write_text("no checkpoint")
    assert "damaged" in one_line(tmp_path / "notes.ckpt", describe_checkpoint)
