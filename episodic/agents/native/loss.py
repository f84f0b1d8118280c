"""The loss of an episode of the episodic LSTM with its whole gradient, by native kernels."""

import torch
from torch import Tensor

from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.native_heads import PackedHeads
from episodic.networks.native_lstm_tape import NativeLSTMTape, backpropagate
from episodic.objectives.actor_critic import ActorCritic
from episodic.objectives.known_gradient import with_gradient
from episodic.objectives.native_actor_critic import loss_with_gradients


def native_episode_loss(
    tape: NativeLSTMTape,
    recalled: Tensor | None,
    inputs: Tensor | None,
    heads: ActorCriticHeads,
    objective: ActorCritic,
    actions: Tensor,
    rewards: Tensor,
    entropy_weight: float,
) -> tuple[Tensor, ...]:
    """Total, policy, value and entropy loss; only the total has a gradient.

    It equals `objective.of_hidden(heads, core.replay(tape, recalled, inputs), actions, rewards, entropy_weight)`.
    """
    core: EpisodicLSTM = tape.core
    recalled = recalled if core.reinstatement else None
    packed = tape.heads if tape.heads is not None and tape.heads.heads is heads else PackedHeads(heads, tape.hidden)
    sources = (inputs, recalled, core.weight, core.bias, heads.weight, heads.bias)
    wanted = [part is not None and part.requires_grad for part in sources[:2]]
    with torch.no_grad():
        losses, gradients = loss_with_gradients(objective, packed, actions, rewards, entropy_weight)
        by_hidden, *by_heads = gradients
        by_core = backpropagate(tape, tape.joint_of(inputs), recalled, by_hidden, *wanted)
    total, *parts = losses.unbind()
    return with_gradient(total, sources, (*by_core, *by_heads)), *parts
