"""A scalar whose gradient was computed together with it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def with_gradient(value: Tensor, sources: Sequence[Tensor | None], gradients: Sequence[Tensor | None]) -> Tensor:
    """Give a scalar its gradients by the sources; None has none.

    >>> weight = torch.ones(2, requires_grad=True)
    >>> with_gradient(torch.tensor(5.0), [weight], [torch.tensor([1.0, 2.0])]).backward()
    >>> weight.grad
    tensor([1., 2.])
    """
    result: Tensor = _KnownGradient.apply(value, gradients, *sources)
    return result


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
