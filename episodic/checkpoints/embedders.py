"""Checkpoints read safely, and encoders taken out of them."""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from episodic.errors import InputError, require
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder

#: Key under which an encoder's checkpoint says, in plain data, how its network is built.
EMBEDDER_KEY = "embedder"

#: Folder of the encoders that `load_embedder` also knows by name.
SHIPPED = Path(__file__).resolve().parent / "shipped"

#: The networks that a checkpoint may name. Nothing else is ever built from one.
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "ConvolutionalAutoencoder": ConvolutionalAutoencoder,
    "HiddenStateEmbedder": HiddenStateEmbedder,
    "OmniglotEmbedder": OmniglotEmbedder,
    "TwoLayerAutoencoder": TwoLayerAutoencoder,
}

#: Those that embed drawings.
DRAWING_NETWORKS = {name: network for name, network in NETWORKS.items() if name != "HiddenStateEmbedder"}


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's tensors and plain data, on the CPU; code in it is never run.

    Raises:
        InputError: no such file; a damaged file; a file that holds pickled code; not a checkpoint.
    """
    require("://" not in str(path), f"checkpoint {path} is an address: only local files are read")
    path = Path(path)
    require(path.is_file(), f"checkpoint {path} does not exist")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on a file that is no checkpoint
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what the unpickler raises on damaged bytes has no common base
        if "GLOBAL" in str(error).upper() or _is_pickled_code(path):
            raise InputError(
                f"checkpoint {path} holds more than tensors and plain data: it is not read, since that would run "
                "its code"
            ) from error
        raise InputError(f"checkpoint {path} is damaged or is no checkpoint") from error
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    require(
        isinstance(state, Mapping) and all(isinstance(name, str) for name in state),
        f"checkpoint {path} is no checkpoint of a training stage: it has no state_dict",
    )
    return dict(checkpoint)


def _is_pickled_code(path: Path) -> bool:
    """Whether a file is a bare pickle that names a class or a function; found without loading it."""
    try:
        return any("GLOBAL" in opcode.name for opcode, _, _ in pickletools.genops(path.read_bytes()))
    except Exception:  # not a pickle at all
        return False


def describe_embedder(network: nn.Module, arguments: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What an encoder's checkpoint keeps under `EMBEDDER_KEY`: how to build the network, and where its weights are."""
    name = type(network).__name__
    assert name in NETWORKS, f"{name} is not listed in NETWORKS"
    return {"network": name, "arguments": dict(arguments), "prefix": prefix}


def shipped_encoders() -> dict[str, Path]:
    """The checkpoints in `shipped/`, by their names."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.ckpt"))}


def find_checkpoint(path: str | Path) -> str | Path:
    """A checkpoint's path: as given or, where no such file exists, that of the shipped encoder of this name.

    Raises:
        InputError: there is neither.
    """
    if "://" in str(path) or Path(path).is_file():
        return path
    shipped = shipped_encoders()
    names = ", ".join(shipped) or "none"
    require(
        str(path) in shipped, f"checkpoint {path} does not exist, nor a shipped encoder of this name: there are {names}"
    )
    return shipped[str(path)]


def load_embedder(path: str | Path) -> nn.Module:
    """The encoder of any stage's checkpoint: frozen, in evaluation mode, with `embed(x) -> [B, D]`.

    Args:
        path: of the checkpoint, or the bare name of an encoder that lies in `shipped/`. Weights in half precision
            become single.

    Raises:
        InputError: see `read_checkpoint`; neither a file nor a shipped encoder; a checkpoint without an encoder, or
            whose weights do not fit.
    """
    path = find_checkpoint(path)
    checkpoint = read_checkpoint(path)
    description = _description(checkpoint, path)
    name = description["network"]
    weights = with_prefix(checkpoint["state_dict"], str(description.get("prefix", "")))
    try:
        network = NETWORKS[name](**description["arguments"])
        network.load_state_dict(weights)
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"checkpoint {path} does not fit its own description of {name}: it is damaged") from error
    return network.requires_grad_(False).eval()


def describe_checkpoint(path: str | Path) -> dict[str, Any]:
    """How the encoder of a checkpoint is built: `network` and `arguments`, plain data; see `load_embedder`."""
    path = find_checkpoint(path)
    description = _description(read_checkpoint(path), path)
    name, arguments = description["network"], description.get("arguments")
    if not isinstance(arguments, Mapping):
        raise InputError(f"checkpoint {path} does not fit its own description of {name}: it is damaged")
    return {"network": name, "arguments": dict(arguments)}


def _description(checkpoint: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    description = checkpoint.get(EMBEDDER_KEY)
    require(
        isinstance(description, dict),
        f"checkpoint {path} holds no encoder: a stage that trains one is needed",
    )
    assert isinstance(description, dict)
    name = description.get("network")
    known = isinstance(name, str) and name in NETWORKS
    require(known, f"checkpoint {path} holds an encoder {name!r}: known are {', '.join(NETWORKS)}")
    return description


def with_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries of a state dictionary under `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
