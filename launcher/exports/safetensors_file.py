"""An encoder's weights in the safetensors format, for readers that do not have this project's checkpoints."""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def safetensors_bytes(weights: Mapping[str, Tensor], description: Mapping[str, Any]) -> bytes:
    """Serialise the weights, under the names that the network gives them; the same input gives the same bytes.

    The file's metadata hold `embedder`: the network's class and its arguments, as JSON.

    Args:
        weights: state of the encoder, with the prefix of the checkpoint.
        description: see `episodic.checkpoints.describe_embedder`.
    """
    from safetensors.torch import save

    prefix = description["prefix"]
    embedder = {"network": description["network"], "arguments": description["arguments"]}
    named = {name.removeprefix(prefix): value for name, value in weights.items()}
    return save(named, metadata={"embedder": json.dumps(embedder)})
