"""The loss of an episode of the episodic LSTM with its whole gradient, as one node of autograd."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.native_lstm_tape import NativeLSTMTape, backpropagate
from episodic.objectives.actor_critic import ActorCritic
from episodic.objectives.native_actor_critic import loss_with_gradients, times


def native_episode_loss(
    tape: NativeLSTMTape,
    recalled: Tensor | None,
    inputs: Tensor | None,
    heads: ActorCriticHeads,
    *episode: Any,
) -> tuple[Tensor, ...]:
    """Total, policy, value and entropy loss; the total alone has a gradient.

    It equals `objective.of_hidden(heads, core.replay(tape, recalled, inputs), actions, rewards, entropy_weight)` for
    the `episode` of objective, actions, rewards and entropy weight.
    """
    core: EpisodicLSTM = tape.core
    parameters = (core.weight, core.bias, heads.weight, heads.bias)
    recalled = recalled if core.reinstatement else None
    parts: tuple[Tensor, ...] = _Loss.apply(tape.joint_of(inputs), recalled, *parameters, tape, heads, *episode)
    return parts


class _Loss(torch.autograd.Function):
    """Computes loss and gradient together."""

    @staticmethod
    def forward(
        ctx: Any,
        joint: Tensor,
        recalled: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        head_weight: Tensor,
        head_bias: Tensor,
        tape: NativeLSTMTape,
        heads: ActorCriticHeads,
        objective: ActorCritic,
        *episode: Any,
    ) -> tuple[Tensor, ...]:
        parts, (by_hidden, *by_heads) = loss_with_gradients(objective, heads, tape.hidden, *episode)
        by_core = backpropagate(tape, joint, recalled, by_hidden, *ctx.needs_input_grad[:2])
        ctx.gradients = (*by_core, *by_heads)
        total, policy, value, entropy = parts.unbind()
        ctx.mark_non_differentiable(policy, value, entropy)
        return total, policy, value, entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (*times(gradients[0], ctx.gradients), *[None] * 6)
