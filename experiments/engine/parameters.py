"""How many numbers a training has learned, by the state of its optimisers in a checkpoint."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from episodic.checkpoints import read_checkpoint
from episodic.errors import InputError


def learned_parameters(checkpoint: Path) -> int:
    """Return the number of parameters that the optimisers of a training have changed; 0 if that is not known.

    An optimiser such as Adam keeps tensors as large as the parameter for each parameter that it has changed. Frozen
    parts have none.
    """
    try:
        optimisers = read_checkpoint(checkpoint).get("optimizer_states") or []
    except InputError:
        return 0
    return sum(_largest(own) for optimiser in optimisers for own in optimiser.get("state", {}).values())


def _largest(state: Mapping[str, Any]) -> int:
    sizes: Iterable[int] = (value.numel() for value in state.values() if isinstance(value, Tensor))
    return max(sizes, default=0)
