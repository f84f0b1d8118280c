"""A scalar whose gradient was computed together with it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: The attribute of a loss that holds its sources and gradients.
KNOWN = "known_gradient"


def with_gradient(value: Tensor, sources: Sequence[Tensor | None], gradients: Sequence[Tensor | None]) -> Tensor:
    """Give a scalar its gradients by the sources; None has none.

    >>> weight = torch.ones(2, requires_grad=True)
    >>> with_gradient(torch.tensor(5.0), [weight], [torch.tensor([1.0, 2.0])]).backward()
    >>> weight.grad
    tensor([1., 2.])
    """
    result: Tensor = _KnownGradient.apply(value, gradients, *sources)
    setattr(result, KNOWN, (sources, gradients))
    return result


def backward(loss: Tensor) -> None:
    """Do `loss.backward()`; if its gradient is known and goes to parameters only, without autograd's graph.

    Args:
        loss: a scalar; only one from `with_gradient` itself, not a sum with others, has a known gradient.

    >>> weight = torch.ones(2, requires_grad=True)
    >>> backward(with_gradient(torch.tensor(5.0), [weight], [torch.tensor([1.0, 2.0])]))
    >>> weight.grad
    tensor([1., 2.])
    """
    sources, gradients = getattr(loss, KNOWN, ((), ()))
    wanted = [
        (source, gradient)
        for source, gradient in zip(sources, gradients, strict=True)
        if source is not None and gradient is not None and source.requires_grad
    ]
    if not wanted or not all(_takes(source) for source, _ in wanted):
        loss.backward()
        return
    with torch.no_grad():
        for source, gradient in wanted:
            source.grad = gradient if source.grad is None else source.grad + gradient


def _takes(source: Tensor) -> bool:
    """Whether a gradient may be put straight into a tensor: it is a parameter, and nobody waits for its gradient."""
    return source.is_leaf and not (source._backward_hooks or source._post_accumulate_grad_hooks)


class _KnownGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: Sequence[Tensor | None], *sources: Tensor | None) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *factor: Tensor) -> tuple[Tensor | None, ...]:
        number = float(factor[0])  # 1 as a rule
        return None, None, *(part if part is None or number == 1 else part * number for part in ctx.gradients)
