"""The actor-critic loss of an episode by native kernels, with its gradient in closed form."""

from ctypes import byref
from typing import Protocol

import torch
from torch import Tensor

from episodic.native import kernels
from episodic.native.library import ActorCriticCall
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.native_heads import PackedHeads
from episodic.objectives.known_gradient import with_gradient


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
    """Total, policy, value and entropy loss; see `actor_critic_loss`. Only the total has a gradient.

    Shapes: hidden `[T, B, H]`, actions `[T, B]` long, rewards `[T, B]`.
    """
    if hidden.stride(2) != 1 or hidden.stride(0) != hidden.shape[1] * hidden.stride(1):
        hidden = _copied(hidden)  # with its gradient
    with torch.no_grad():
        packed = PackedHeads(heads, hidden)
        losses, gradients = loss_with_gradients(weights, packed, actions, rewards, entropy_weight)
    total, *parts = losses.unbind()
    return with_gradient(total, (hidden, heads.weight, heads.bias), gradients), *parts


def _copied(tensor: Tensor) -> Tensor:
    """A copy whose numbers lie side by side; `contiguous` would keep the strides of dimensions of size 1."""
    return tensor.clone(memory_format=torch.contiguous_format)


def loss_with_gradients(
    weights: Weights, packed: PackedHeads, actions: Tensor, rewards: Tensor, entropy_weight: float
) -> tuple[Tensor, list[Tensor]]:
    """The four losses `[4]`, and the total's gradients by hidden states, weight and bias of the heads.

    Shapes as in `native_actor_critic_loss`.
    """
    hidden = packed.hidden
    actions, rewards = actions.contiguous(), rewards.to(hidden.dtype)
    if rewards.stride(0) != rewards.shape[1] * rewards.stride(1):
        rewards = _copied(rewards)
    parts = hidden.new_empty(4)
    gradients = [hidden.new_empty(part.shape) for part in (hidden, *packed.weights)]
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
