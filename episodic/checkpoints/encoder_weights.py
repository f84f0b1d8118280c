"""The weights of a trained hidden-state encoder, for a network that is built alike."""

from pathlib import Path

from episodic.checkpoints.embedders import load_embedder
from episodic.errors import require
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder


def copy_encoder(network: HiddenStateEmbedder, path: str | Path) -> None:
    """Copy the encoder of a checkpoint into a network, buffers and all.

    Args:
        network: takes the weights, where it is, on its own device.
        path: of the checkpoint, see `episodic.checkpoints.embedders.load_embedder`.

    Raises:
        InputError: see `load_embedder`; an encoder of something else than hidden states; one that is built in another
            way.
    """
    found = load_embedder(path)
    kind = type(found).__name__
    require(
        isinstance(found, HiddenStateEmbedder),
        f"checkpoint {path} holds an encoder {kind}: an encoder of hidden states is needed, HiddenStateEmbedder",
    )
    assert isinstance(found, HiddenStateEmbedder)
    for name, wanted in network.arguments.items():
        other = found.arguments[name]
        require(other == wanted, f"checkpoint {path} holds an encoder with {name} {other}: here {name} is {wanted}")
    network.load_state_dict(found.state_dict())
