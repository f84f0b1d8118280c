"""The hidden-state encoder's network: states one by one or whole episodes in, embeddings of length 1 out."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.checkpoints import EMBEDDER_KEY, describe_embedder, load_embedder
from episodic.errors import InputError
from episodic.networks.embedder import Embedder
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from tests.episodic.memory.memory_oracle import DEVICES


def build(recurrent: bool = False, **options: Any) -> HiddenStateEmbedder:
    """A network whose normalisation has statistics of its own."""
    torch.manual_seed(0)
    network = HiddenStateEmbedder(
        **{"input_size": 5, "embedding_size": 4, "hidden_layer": 6, **options}, recurrent=recurrent
    )
    for seed in range(3):
        network.embed_all(2 + 3 * episodes(seed))
    return network


def episodes(seed: int = 9) -> Tensor:
    return torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("recurrent", [True, False])
def test_embeddings_have_length_one(recurrent: bool, training: bool, device: str) -> None:
    network, x = build(recurrent).train(training).to(device), episodes().to(device)
    for embedding, shape in (
        (network.embed(x), (7, 4)),
        (network(x[:, 0]), (7, 4)),
        (network.embed_all(x), (7, 3, 4)),
        (network.embed(x[:1, 0]), (1, 4)),
        (network.embed(x[:1]), (1, 4)),
    ):
        assert embedding.shape == shape
        torch.testing.assert_close(embedding.norm(dim=-1), torch.ones(shape[:-1], device=device))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("recurrent", [True, False])
def test_steps_give_what_the_whole_episode_gives(recurrent: bool, layers: int, device: str) -> None:
    network, x = build(recurrent, layers=layers).eval().to(device), episodes().to(device)
    together, state = network.embed_all(x), network.initial_state(7)
    assert (state is None) == (not recurrent)
    for pull in range(3):
        embedding, state = network.step(x[:, pull], state)
        torch.testing.assert_close(embedding, together[:, pull])
    torch.testing.assert_close(network.embed(x), together[:, -1])
    torch.testing.assert_close(network.embed(x[:, 0]), together[:, 0])


def test_only_a_recurrent_network_remembers_the_pulls_before() -> None:
    x, other = episodes(), episodes()
    other[:, 0] += 1
    for recurrent in (True, False):
        network = build(recurrent).eval()
        assert torch.equal(network.embed(x), network.embed(other)) != recurrent
        assert not torch.equal(network.embed_all(x)[:, 0], network.embed_all(other)[:, 0])
    later = x.clone()
    later[:, 2] += 1
    network = build(recurrent=True).eval()
    assert torch.equal(network.embed_all(x)[:, :2], network.embed_all(later)[:, :2])


def test_the_scale_and_place_of_a_states_numbers_mean_nothing_in_training() -> None:
    scale, shift = torch.tensor([0.1, 1.0, 10.0, 3.0, 0.5]), torch.tensor([0.0, 5.0, -7.0, 1.0, 0.2])
    network, x = build(), episodes()[:, 0]
    torch.testing.assert_close(network.embed(x * scale + shift), network.embed(x), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("recurrent", [True, False])
def test_gradients_reach_every_weight(recurrent: bool) -> None:
    network = build(recurrent, layers=2)
    weight = torch.randn(4, generator=torch.Generator().manual_seed(1))
    (network.embed_all(episodes()) @ weight).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in network.parameters())


@pytest.mark.parametrize("recurrent", [True, False])
def test_a_batch_of_one_in_training_leaves_the_statistics(recurrent: bool) -> None:
    network = build(recurrent).train()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    embedding = network.embed(episodes()[:1, 0])
    torch.testing.assert_close(embedding, build(recurrent).eval().embed(episodes()[:1, 0]))
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())


def save(network: Embedder, path: Path) -> Path:
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, EMBEDDER_KEY: describe_embedder(network, "network.")}, path)
    return path


@pytest.mark.parametrize("recurrent", [True, False])
def test_it_comes_back_from_a_checkpoint(recurrent: bool, tmp_path: Path) -> None:
    network = build(recurrent, layers=2).eval()
    loaded = load_embedder(save(network, tmp_path / "a.ckpt"))
    assert isinstance(loaded, HiddenStateEmbedder)
    assert loaded.arguments == network.arguments
    assert torch.equal(loaded.embed(episodes()), network.embed(episodes()))


@pytest.mark.parametrize("name", ["input_size", "embedding_size", "hidden_layer", "layers"])
def test_sizes_have_to_be_positive(name: str) -> None:
    sizes: dict[str, Any] = {"input_size": 5, name: 0}
    with pytest.raises(InputError, match=f"^{name} is 0"):
        HiddenStateEmbedder(**sizes)


def test_states_of_another_shape_are_refused() -> None:
    network = build()
    for x in (torch.zeros(2, 6), torch.zeros(5), torch.zeros(2, 3, 4), torch.zeros(2, 3, 1, 5)):
        with pytest.raises(InputError, match=r"^states have shape .*: \[B, 5\] or episodes \[B, T, 5\] are needed$"):
            network.embed(x)
    with pytest.raises(InputError, match=r"^states have shape \(2, 5\): episodes \[B, T, 5\] are needed$"):
        network.embed_all(torch.zeros(2, 5))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float16, torch.float64])
def test_states_of_another_type_are_refused(dtype: torch.dtype) -> None:
    network = build()
    for call in (network.embed, network.embed_all):
        with pytest.raises(InputError, match=rf"^states have type {dtype}: .* use states.to\(torch.float32\)$"):
            call(torch.zeros(2, 3, 5, dtype=dtype))


def test_half_precision_is_welcome_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert build().embed(torch.zeros(2, 5, dtype=torch.bfloat16)).shape == (2, 4)
