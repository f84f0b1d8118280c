"""The actor-critic loss of an episode by native kernels, with its gradient in closed form."""

from collections.abc import Sequence
from ctypes import byref
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from episodic.native import kernels
from episodic.native.library import ActorCriticCall
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.native_heads import PackedHeads


class Weights(Protocol):
    """Settings of the loss; see `episodic.objectives.ActorCritic`."""

    discount: float
    trace: float
    value_weight: float


def native_actor_critic_loss(
    weights: Weights,
    heads: ActorCriticHeads,
    hidden: Tensor,
    actions: Tensor,
    rewards: Tensor,
    entropy_weight: float,
) -> tuple[Tensor, ...]:
    """Total, policy, value and entropy loss; see `actor_critic_loss`. The total alone has a gradient.

    Shapes: hidden `[T, B, H]`, actions `[T, B]` long, rewards `[T, B]`.
    """
    parts: tuple[Tensor, ...] = _Loss.apply(
        hidden, heads.weight, heads.bias, heads, weights, actions, rewards, entropy_weight
    )
    return parts


def loss_with_gradients(
    weights: Weights,
    heads: ActorCriticHeads,
    hidden: Tensor,
    actions: Tensor,
    rewards: Tensor,
    entropy_weight: float,
) -> tuple[Tensor, list[Tensor]]:
    """The four losses `[4]`, and the total's gradients by hidden states, weight and bias of the heads.

    Shapes as in `native_actor_critic_loss`.
    """
    actions, rewards = actions.contiguous(), rewards.to(hidden.dtype)
    if rewards.stride(0) != rewards.shape[1] * rewards.stride(1):
        rewards = rewards.contiguous()
    if hidden.stride(2) != 1 or hidden.stride(0) != hidden.shape[1] * hidden.stride(1):
        hidden = hidden.contiguous()
    packed, parts = PackedHeads(heads, hidden), hidden.new_empty(4)
    gradients = [hidden.new_empty(part.shape) for part in (hidden, heads.weight, heads.bias)]
    call = ActorCriticCall(
        actions.data_ptr(),
        rewards.data_ptr(),
        rewards.stride(1),
        weights.discount,
        weights.trace,
        weights.value_weight,
        entropy_weight,
        parts.data_ptr(),
        *(gradient.data_ptr() for gradient in gradients),
    )
    kernels().actor_critic(packed.reference, byref(call))
    return parts, gradients


def times(factor: Tensor, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Multiply gradients by a scalar, which is 1 as a rule."""
    number = float(factor)
    return [part if part is None or number == 1 else part * number for part in gradients]


class _Loss(torch.autograd.Function):
    """Computes loss and gradient together."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        heads: ActorCriticHeads,
        weights: Weights,
        *episode: Any,
    ) -> tuple[Tensor, ...]:
        parts, ctx.gradients = loss_with_gradients(weights, heads, hidden, *episode)
        total, policy, value, entropy = parts.unbind()
        ctx.mark_non_differentiable(policy, value, entropy)
        return total, policy, value, entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (*times(gradients[0], ctx.gradients), None, None, None, None, None)
