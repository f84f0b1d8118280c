"""Weights copied from checkpoints into networks of the same architecture."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from episodic.checkpoints.copying import classifier_weight, copy_agent, copy_classifier, copy_embedder
from episodic.checkpoints.embedders import EMBEDDER_KEY, describe_embedder
from episodic.errors import InputError
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.embedder import Embedder
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder


def build() -> HiddenStateEmbedder:
    """A network whose normalisation has statistics of its own."""
    torch.manual_seed(0)
    network = HiddenStateEmbedder(input_size=5, embedding_size=4, hidden_layer=6)
    network.embed_all(torch.randn(7, 3, 5))
    return network


def save(network: Embedder, path: Path) -> Path:
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, EMBEDDER_KEY: describe_embedder(network, "network.")}, path)
    return path


def test_weights_are_copied_between_networks_that_are_built_alike(tmp_path: Path) -> None:
    path = save(build(), tmp_path / "a.ckpt")
    torch.manual_seed(1)
    other = HiddenStateEmbedder(**build().arguments).train()
    weight = other.head.weight
    copy_embedder(other, path)
    assert other.head.weight is weight, "an optimiser may hold it already"
    assert other.head.weight.requires_grad
    assert other.training
    assert all(torch.equal(value, build().state_dict()[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"input_size": 50}, "contains an encoder with input_size 5: here input_size is 50"),
        ({"hidden_layer": 7}, "hidden_layer 6: here hidden_layer is 7"),
        ({"recurrent": True}, "recurrent False: here recurrent is True"),
        ({}, "contains an encoder OmniglotEmbedder: here it is HiddenStateEmbedder"),
    ],
)
def test_other_encoders_are_refused(options: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    saved = build() if options else OmniglotEmbedder(embedding_size=6, backbone="convolutional", channels=2)
    path = save(saved, tmp_path / "a.ckpt")
    with pytest.raises(InputError) as error:
        copy_embedder(HiddenStateEmbedder(**{**build().arguments, **options}), path)
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def save_classifier(path: Path, prefix: str = "network.", **weights: torch.Tensor) -> Path:
    names = {"own": "objectives.parts.softmax.classifier.weight", "average": "average.module.classifier.weight"}
    state = {names[name]: weight for name, weight in weights.items()}
    torch.save({"state_dict": state, EMBEDDER_KEY: {"prefix": prefix}}, path)
    return path


def test_the_classifier_goes_with_the_embedder(tmp_path: Path) -> None:
    own, average = torch.ones(3, 4), torch.zeros(3, 4)
    for prefix, expected in (("network.", own), ("average.module.network.", average)):
        path = save_classifier(tmp_path / "a.ckpt", prefix, own=own, average=average)
        found = classifier_weight(path)
        assert found is not None
        assert torch.equal(found, expected)
    classifier = CosineClassifier(3, 4)
    weight = classifier.weight
    copy_classifier(classifier, path)
    assert classifier.weight is weight, "an optimiser may hold it already"
    assert torch.equal(weight, average)


def test_other_classifiers_are_refused(tmp_path: Path) -> None:
    path = save_classifier(tmp_path / "a.ckpt", own=torch.ones(3, 4))
    with pytest.raises(InputError, match=r"contains a classifier of \[3, 4\] .*: here it is \[2, 4\]$"):
        copy_classifier(CosineClassifier(2, 4), path)
    with pytest.raises(InputError, match="contains no classifier: it must come from an encoder trained by softmax"):
        copy_classifier(CosineClassifier(3, 4), save_classifier(path))


class Agent(nn.Module):
    """The parts of an agent that are copied, and one that is not."""

    def __init__(self, seed: int, actions: int = 3) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.core, self.heads, self.memory = nn.Linear(4, 6), nn.Linear(6, actions), nn.Linear(2, 2)


def test_an_agents_core_and_heads_are_copied(tmp_path: Path) -> None:
    path, source, other = tmp_path / "agent.ckpt", Agent(0), Agent(1)
    torch.save({"state_dict": {f"agent.{name}": value for name, value in source.state_dict().items()}}, path)
    memory = other.memory.weight.detach().clone()
    copy_agent(other, path)
    for part in ("core", "heads"):
        assert torch.equal(getattr(other, part).weight, getattr(source, part).weight)
    assert torch.equal(other.memory.weight, memory)
    with pytest.raises(InputError, match=r"contains an agent with heads\.\S+ of .*: here it is"):
        copy_agent(Agent(0, actions=2), path)
    with pytest.raises(InputError, match=r"contains no agent with this structure: it must come from an Episodic"):
        copy_agent(other, save(build(), path))
