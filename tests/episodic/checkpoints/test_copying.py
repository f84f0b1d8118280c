"""Weights copied from checkpoints into networks of the same architecture."""

from pathlib import Path
from typing import Any

import pytest
import torch

from episodic.checkpoints.copying import classifier_weight, copy_agent, copy_classifier, copy_embedder
from episodic.checkpoints.embedders import EMBEDDER_KEY, describe_embedder
from episodic.errors import InputError
from episodic.networks.actor_critic import RecurrentActorCritic
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
        ({"input_size": 50}, "holds an encoder with input_size 5: here input_size is 50"),
        ({"hidden_layer": 7}, "hidden_layer 6: here hidden_layer is 7"),
        ({"recurrent": True}, "recurrent False: here recurrent is True"),
        ({}, "holds an encoder OmniglotEmbedder: here it is HiddenStateEmbedder"),
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
    with pytest.raises(InputError, match=r"holds a classifier of \[3, 4\] .*: here it is \[2, 4\]$"):
        copy_classifier(CosineClassifier(2, 4), path)
    with pytest.raises(InputError, match="holds no classifier: it must come from an encoder trained by softmax"):
        copy_classifier(CosineClassifier(3, 4), save_classifier(path))


def test_an_agents_network_is_copied(tmp_path: Path) -> None:
    def agent(seed: int, actions: int = 3) -> RecurrentActorCritic:
        torch.manual_seed(seed)
        return RecurrentActorCritic(actions=actions, cue_size=4, hidden_size=6)

    path, other = tmp_path / "agent.ckpt", agent(1)
    weights = {f"network.{name}": value for name, value in agent(0).state_dict().items()}
    torch.save({"state_dict": {**weights, "loss.weight": torch.ones(1)}}, path)
    copy_agent(other, path)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in agent(0).state_dict().items())
    with pytest.raises(InputError, match=r"holds an agent with network\.\S+ of .*: here it is"):
        copy_agent(agent(0, actions=2), path)
    with pytest.raises(InputError, match="holds no agent: it must come from an EpisodicAgent"):
        copy_agent(other, save(build(), path))
