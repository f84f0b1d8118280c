"""A network's outline, its weights' names and shapes, found without memory for the weights."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

#: Sizes up to this one, such as the side of a drawing, are allowed however few weights there are.
ALWAYS_ALLOWED = 1000


def require_fit(kind: Callable[..., nn.Module], arguments: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Raise `ValueError` unless a network with these arguments has exactly these weights.

    No weight is given memory, and no more layers are built than there are weights.

    >>> require_fit(nn.Linear, {"in_features": 900, "out_features": 900}, {"weight": torch.zeros(2, 2)})
    Traceback (most recent call last):
    ValueError: the network has more weights
    """
    most = max(ALWAYS_ALLOWED, sum(value.numel() for value in weights.values()))
    for name, value in arguments.items():
        if isinstance(value, int | float) and value > most:
            raise ValueError(f"{name} is larger than the number of all weights")
    thread, left = threading.get_ident(), len(weights)

    def count(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal left
        left -= threading.get_ident() == thread  # the hook sees the networks of every thread
        if left < 0:
            raise ValueError("the network has more weights")

    handle = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            outline = {name: tuple(value.shape) for name, value in kind(**arguments).state_dict().items()}
    finally:
        handle.remove()
    if outline != {name: tuple(value.shape) for name, value in weights.items()}:
        raise ValueError("the network's weights have other names or shapes")
