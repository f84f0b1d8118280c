"""Advantage actor-critic: the loss of one episode, and generalised advantage estimation."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_fraction, require_positive
from episodic.native import pick
from episodic.networks.heads import ActorCriticHeads
from episodic.objectives.native_actor_critic import native_actor_critic_loss
from episodic.objectives.schedules import LinearSchedule, Schedule


class ActorCriticLoss(NamedTuple):
    """The loss and its parts, scalars, each a mean over steps and environments."""

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor


def generalised_advantages(rewards: Tensor, values: Tensor, discount: float, trace: float) -> Tensor:
    """Generalised advantage estimates of an episode that ends with its last step (Schulman et al. 2016, eq. 16).

        delta_t = r_t + discount * v_{t+1} - v_t,  v_T = 0
        A_t = sum_{k >= 0} (discount * trace)^k delta_{t+k}

    Shapes: rewards `[T, B]`, values `[T, B]` -> `[T, B]`. The sum over k is one product with a `[T, T]` matrix.
    """
    delta = rewards - values
    delta[:-1].add_(values[1:], alpha=discount)
    return _decay_matrix(rewards.shape[0], discount * trace, rewards.device, rewards.dtype) @ delta


@lru_cache(maxsize=16)
def _decay_matrix(steps: int, decay: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`[T, T]`, with `decay^k` at `[t, t + k]` and zeros below the diagonal."""
    step = torch.arange(steps)
    lag = step.unsqueeze(0) - step.unsqueeze(1)
    matrix = torch.where(lag >= 0, torch.tensor(decay, dtype=torch.float64) ** lag.clamp_min(0), 0.0)
    return matrix.to(device, dtype)


def actor_critic_loss(
    logits: Tensor,
    values: Tensor,
    actions: Tensor,
    rewards: Tensor,
    *,
    discount: float,
    trace: float,
    value_weight: float,
    entropy_weight: float,
) -> ActorCriticLoss:
    """Advantage actor-critic with an entropy bonus (Mnih et al. 2016; Wang et al. 2016, eq. 1).

        L = -E[A_t log pi(a_t)] + value_weight * E[(R_t - v_t)^2] / 2 - entropy_weight * E[H(pi)],  R_t = A_t + v_t

    Shapes: logits `[T, B, A]`, values `[T, B]`, actions `[T, B]` long, rewards `[T, B]`.
    """
    advantages = generalised_advantages(rewards, values.detach(), discount, trace)
    # Actions in front: on a CPU a softmax over a short last dimension is twenty times slower.
    log_policy = torch.log_softmax(logits.movedim(-1, 0).contiguous(), dim=0)
    taken = log_policy.gather(0, actions.unsqueeze(0)).squeeze(0)
    policy = -(advantages * taken).mean()
    returns = advantages + values.detach()
    value = torch.nn.functional.mse_loss(values, returns) / 2
    entropy = -(log_policy.exp() * log_policy).sum(0).mean()
    return ActorCriticLoss(policy + value_weight * value - entropy_weight * entropy, policy, value, entropy)


class ActorCritic:
    """Settings of an agent's loss; see `actor_critic_loss`.

    Args:
        discount: discount of rewards within an episode.
        trace: lambda of generalised advantage estimation; 1 is the plain return.
        value_weight: weight of the critic's loss.
        entropy_weight: weight of the entropy bonus over the course of training; None decreases from 0.05 to 0.
        episodes: after so many of a block the weights are updated. Where the core's state lasts for the block, the
            gradient goes back through all of them.

    Raises:
        InputError: a number out of its range.

    >>> ActorCritic(discount=0.9).entropy_weight(progress=0.5)
    0.025
    """

    def __init__(
        self,
        discount: float = 0.9,
        trace: float = 1.0,
        value_weight: float = 0.4,
        entropy_weight: Schedule | None = None,
        episodes: int = 1,
    ) -> None:
        require_positive(**{"loss.episodes": episodes})
        require_fraction(**{"loss.discount": discount, "loss.trace": trace})
        require(value_weight >= 0, f"loss.value_weight is {value_weight}: it must be 0 or more")
        self.discount, self.trace, self.value_weight, self.episodes = discount, trace, value_weight, episodes
        self.entropy_weight = entropy_weight or LinearSchedule(0.05, 0.0)

    def __call__(
        self, logits: Tensor, values: Tensor, actions: Tensor, rewards: Tensor, entropy_weight: float
    ) -> ActorCriticLoss:
        """Compute the loss of episodes of T steps; shapes as in `actor_critic_loss`."""
        return actor_critic_loss(
            logits,
            values,
            actions,
            rewards,
            discount=self.discount,
            trace=self.trace,
            value_weight=self.value_weight,
            entropy_weight=entropy_weight,
        )

    def is_plain(self, heads: ActorCriticHeads) -> bool:
        """Whether loss and heads are these very ones, which native kernels know, and no subclasses of another kind."""
        same_loss = type(self).__call__ is ActorCritic.__call__ and type(self).of_hidden is ActorCritic.of_hidden
        return same_loss and type(heads) is ActorCriticHeads

    def of_hidden(
        self, heads: ActorCriticHeads, hidden: Tensor, actions: Tensor, rewards: Tensor, entropy_weight: float
    ) -> ActorCriticLoss:
        """Compute the loss of episodes of T steps from the core's hidden states `[T, B, H]`.

        Only the total is sure to have a gradient.
        """
        compute = pick(native_actor_critic_loss, None, like=hidden) if self.is_plain(heads) else None
        if compute is not None:
            return ActorCriticLoss(*compute(self, heads, hidden, actions, rewards, entropy_weight))
        logits, values = heads(hidden)
        return self(logits, values, actions, rewards, entropy_weight)
