"""The interface of networks that turn inputs into embeddings, and the checks of what they are given."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from episodic.errors import require

#: Values this far outside [0, 1] still count as rounding.
SLACK = 0.01
#: Types that autocast converts by itself.
AUTOCAST = (torch.float32, torch.float16, torch.bfloat16)


class Embedder(nn.Module, ABC):
    """A network with `embed(x) -> [B, D]`, which a checkpoint can describe and rebuild.

    Attributes:
        arguments: the constructor's arguments as plain data; `type(network)(**network.arguments)` builds it again.
    """

    arguments: dict[str, Any]

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Return the embeddings `[B, D]` of a batch."""

    def objective_input(self, x: Tensor) -> Tensor:
        """Return the embeddings `[B, D]` that objectives learn from: those of `embed`, or parts that it is made of."""
        return self.embed(x)


def require_type(name: str, x: Tensor, weight: Tensor, *, hint: str = "") -> None:
    """Raise `InputError` unless a network with this weight can compute with `x`; costs nothing on any device.

    Under autocast any floating-point type up to single precision will do.

    Args:
        name: what the tensor is called in the message.
        x: input of the network.
        weight: any weight of the network.
        hint: what to do with integers.

    >>> require_type("states", torch.zeros(2, 5), torch.zeros(3, 5))
    """
    if x.dtype == weight.dtype or (x.dtype in AUTOCAST and torch.is_autocast_enabled(x.device.type)):
        return
    right = f"the network computes in {weight.dtype}, so use {name}.to({weight.dtype})"
    require(x.is_floating_point() or not hint, f"{name} have type {x.dtype}: {hint}")
    require(False, f"{name} have type {x.dtype}: {right}")


def require_greys(images: Tensor) -> None:
    """Raise `InputError` unless drawings on the CPU hold numbers in [0, 1].

    Drawings on other devices pass unchecked, because looking at them would wait for the device.

    >>> require_greys(torch.rand(2, 1, 28, 28))
    """
    if images.device.type != "cpu" or images.numel() == 0 or torch.compiler.is_compiling():
        return
    low, high = (float(value) for value in images.detach().aminmax())
    require(low == low, "images hold NaN: grey levels in [0, 1] with ink = 1 are needed")
    require(
        low >= -SLACK and high <= 1 + SLACK,
        f"images hold values from {low:g} to {high:g}: grey levels in [0, 1] with ink = 1 are needed"
        + (", such as images / 255" if 1 < high <= 255 and low >= 0 else ""),
    )
