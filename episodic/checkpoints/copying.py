"""Weights copied from a checkpoint into a network of the same architecture."""

from pathlib import Path

from torch import Tensor, nn

from episodic.checkpoints.embedders import EMBEDDER_KEY, find_checkpoint, load_embedder
from episodic.checkpoints.reading import read_checkpoint, with_prefix
from episodic.errors import InputError, require
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.embedder import Embedder

#: Prefix of an agent's weights in its checkpoint, and prefixes below it of the weights that `copy_agent` copies.
AGENT, AGENT_PARTS = "agent.", ("projection.", "core.", "heads.")
WEIGHT, AVERAGED_WEIGHT = "classifier.weight", "average.module.classifier.weight"


def copy_agent(agent: nn.Module, path: str | Path) -> None:
    """Copy the projection, core and heads of an agent's checkpoint into another agent.

    Args:
        agent: an `episodic.agents.agent.Agent`; receives the weights, on its own device.
        path: of the checkpoint, see `read_checkpoint`.

    Raises:
        InputError: see `read_checkpoint`; the checkpoint holds no agent, or one of another architecture.
    """
    weights, own = (
        _agent_parts(with_prefix(read_checkpoint(path)["state_dict"], AGENT)),
        _agent_parts(agent.state_dict()),
    )
    require(
        weights.keys() == own.keys(),
        f"checkpoint {path} contains no agent with this structure: it must come from an EpisodicAgent of this "
        "version with the same core",
    )
    for name, tensor in own.items():
        there, here = list(weights[name].shape), list(tensor.shape)
        require(there == here, f"checkpoint {path} contains an agent with {name} of {there}: here it is {here}")
    agent.load_state_dict(weights, strict=False)


def _agent_parts(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if name.startswith(AGENT_PARTS)}


def copy_embedder(network: Embedder, path: str | Path) -> None:
    """Copy the embedder of a checkpoint, weights and statistics, into one with the same arguments.

    Args:
        network: receives the weights, on its own device; parameters stay the same objects.
        path: of the checkpoint, or the name of a shipped one.

    Raises:
        InputError: see `load_embedder`; the checkpoint holds another class of network, or other arguments.

    >>> from episodic.networks.autoencoder import ConvolutionalAutoencoder
    >>> copy_embedder(ConvolutionalAutoencoder(latent_size=64, blocks=1), "omniglot_autoencoder")
    """
    source = load_embedder(path)
    there, here = type(source).__name__, type(network).__name__
    require(there == here, f"checkpoint {path} contains an encoder {there}: here it is {here}")
    for name, own in network.arguments.items():
        other = source.arguments[name]
        require(other == own, f"checkpoint {path} contains an encoder with {name} {other}: here {name} is {own}")
    network.load_state_dict(source.state_dict())


def classifier_weight(path: str | Path) -> Tensor | None:
    """Return the class directions `[C, D]` that belong to a checkpoint's embedder; None without a classifier.

    If the embedder's weights are moving averages, so are the directions.

    Raises:
        InputError: see `read_checkpoint`.

    >>> classifier_weight("omniglot_encoder") is None  # shipped embedders have no classifier
    True
    """
    checkpoint = read_checkpoint(find_checkpoint(path))
    state: dict[str, Tensor] = dict(checkpoint["state_dict"])
    description = checkpoint.get(EMBEDDER_KEY)
    if isinstance(description, dict) and str(description.get("prefix")).startswith("average."):
        return state.get(AVERAGED_WEIGHT)
    names = (name for name in state if name.endswith(WEIGHT) and name != AVERAGED_WEIGHT)
    return state.get(next(names, WEIGHT))


def copy_classifier(classifier: CosineClassifier, path: str | Path) -> None:
    """Copy the classifier of an encoder's checkpoint into another.

    Raises:
        InputError: see `read_checkpoint`; the checkpoint contains no classifier, or one of other sizes.
    """
    weight = classifier_weight(path)
    if weight is None:
        raise InputError(f"checkpoint {path} contains no classifier: it must come from an encoder trained by softmax")
    there, here = list(weight.shape), list(classifier.weight.shape)
    require(
        there == here, f"checkpoint {path} contains a classifier of {there} [classes, embedding]: here it is {here}"
    )
    classifier.load_state_dict({"weight": weight})
