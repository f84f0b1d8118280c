"""Embedders described in checkpoints and rebuilt from them, including the shipped ones."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from episodic.checkpoints.outline import require_fit
from episodic.checkpoints.reading import read_checkpoint, with_prefix
from episodic.errors import InputError, require
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.embedder import Embedder
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.image_embedder import ImageEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder

#: Key under which a checkpoint describes its embedder in plain data.
EMBEDDER_KEY = "embedder"

#: Folder of the shipped embedders, which `load_embedder` knows by name.
SHIPPED = Path(__file__).resolve().parent / "shipped"

#: The networks that embed drawings, by name.
DRAWING_NETWORKS: dict[str, type[ImageEmbedder]] = {
    "ConvolutionalAutoencoder": ConvolutionalAutoencoder,
    "OmniglotEmbedder": OmniglotEmbedder,
    "TwoLayerAutoencoder": TwoLayerAutoencoder,
}

#: The networks that a checkpoint may name; no other class is ever built from one.
NETWORKS: dict[str, type[Embedder]] = {"HiddenStateEmbedder": HiddenStateEmbedder, **DRAWING_NETWORKS}

#: Types of an embedder's arguments, and how many there may be.
PLAIN, MOST_ARGUMENTS = (bool, int, float, str, type(None)), 50


def describe_embedder(network: Embedder, prefix: str) -> dict[str, Any]:
    """Describe an embedder in plain data, for a checkpoint to keep under `EMBEDDER_KEY`.

    Args:
        network: one of `NETWORKS`.
        prefix: of its weights in the checkpoint's `state_dict`.

    Raises:
        InputError: it is none of them.

    >>> describe_embedder(HiddenStateEmbedder(input_size=5), "network.")["network"]
    'HiddenStateEmbedder'
    """
    name = type(network).__name__
    require(
        name in NETWORKS,
        f"network is a {name}: it must be one of {', '.join(NETWORKS)}, or be added to NETWORKS in "
        "episodic/checkpoints/embedders.py",
    )
    return {"network": name, "arguments": dict(network.arguments), "prefix": prefix}


def shipped_embedders() -> dict[str, Path]:
    """List the checkpoints in `SHIPPED` by name.

    >>> list(shipped_embedders())
    ['omniglot_autoencoder', 'omniglot_autoencoder_denoising', 'omniglot_encoder']
    """
    return {path.stem: path for path in sorted(SHIPPED.glob("*.ckpt"))}


def find_checkpoint(path: str | Path) -> str | Path:
    """Return the path of a checkpoint: the given file if it exists, else the shipped embedder of this name.

    Raises:
        InputError: there is neither.

    >>> find_checkpoint("omniglot_encoder").name
    'omniglot_encoder.ckpt'
    """
    if "://" in str(path) or os.path.isfile(path):
        return path
    shipped = shipped_embedders()
    names = ", ".join(shipped) or "none"
    require(
        str(path) in shipped,
        f"checkpoint {path} does not exist, and no shipped encoder has this name: there are {names}",
    )
    return shipped[str(path)]


def load_embedder(path: str | Path) -> Embedder:
    """Rebuild the embedder of any stage's checkpoint, frozen and in evaluation mode.

    Args:
        path: of the checkpoint, or the name of a shipped one. Weights in half precision become single.

    Returns:
        A network with `embed(x) -> [B, D]`.

    Raises:
        InputError: see `read_checkpoint`; there is neither a file nor a shipped embedder; the checkpoint holds no
            embedder, or its weights do not fit its description.

    >>> import torch
    >>> embedder = load_embedder("omniglot_autoencoder")
    >>> embedder.embed(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 64])
    """
    path = find_checkpoint(path)
    checkpoint = read_checkpoint(path)
    description = _description(checkpoint, path)
    weights = with_prefix(checkpoint["state_dict"], str(description.get("prefix", "")))
    network = _rebuilt(description["network"], _arguments(description, path), weights, path)
    return network.requires_grad_(False).eval()


def describe_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return the `network` and `arguments` of a checkpoint's embedder as plain data; see `load_embedder`.

    Raises:
        InputError: see `load_embedder`; weights are not looked at.

    >>> describe_checkpoint("omniglot_encoder")["arguments"]["embedding_size"]
    128
    """
    path = find_checkpoint(path)
    description = _description(read_checkpoint(path), path)
    return {"network": description["network"], "arguments": _arguments(description, path)}


def _arguments(description: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """The arguments of an embedder; each is a number or a short text."""
    arguments = description.get("arguments")
    if not isinstance(arguments, Mapping) or len(arguments) > MOST_ARGUMENTS:
        raise _unfitting(path, description["network"])
    if not all(isinstance(name, str) and isinstance(value, PLAIN) for name, value in arguments.items()):
        raise _unfitting(path, description["network"])
    return dict(arguments)


def _rebuilt(name: str, arguments: dict[str, Any], weights: dict[str, Tensor], path: str | Path) -> Embedder:
    """Build a network and load its weights; anything that does not fit becomes one `InputError`."""
    try:
        require_fit(NETWORKS[name], arguments, weights)
        network = NETWORKS[name](**arguments)
        network.load_state_dict(weights)
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise _unfitting(path, name) from error
    return network


def _unfitting(path: str | Path, name: str) -> InputError:
    return InputError(
        f"checkpoint {path} does not fit its own description of {name}: it is damaged, or another version wrote it"
    )


def _description(checkpoint: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    description = checkpoint.get(EMBEDDER_KEY)
    if not isinstance(description, dict):
        raise InputError(f"checkpoint {path} contains no encoder: it must come from a stage that trains one")
    name = description.get("network")
    known = isinstance(name, str) and name in NETWORKS
    require(known, f"checkpoint {path} contains an encoder {name!r}: known are {', '.join(NETWORKS)}")
    return description
