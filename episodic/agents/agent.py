"""An agent of plain torch: a core, actor-critic heads, and a keyed memory."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.agents.keyed_memory import KeyedMemory
from episodic.agents.native.loss import native_episode_loss
from episodic.agents.trajectory import Trajectory
from episodic.errors import require_positive
from episodic.networks.core import Core
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.native_lstm_tape import NativeLSTMTape
from episodic.objectives.actor_critic import ActorCritic, ActorCriticLoss
from episodic.precision import full_precision
from episodic.tasks.task import TaskSizes


class CueProjection(nn.Linear):
    """A learned projection `W u / sqrt(C)` of a cue's direction u, in the cue's place in a core's input.

    A cue of many numbers as large as a reward, or that change quickly, would drown the rewards that the agent learns
    from. The projected numbers begin as about 0.3, and the factor keeps the optimiser's steps small.

    Args:
        cue_size: length C of a cue.
        size: length P of the projection.
    """

    def __init__(self, cue_size: int, size: int) -> None:
        require_positive(**{"perception.cue_projection": size})
        super().__init__(cue_size, size, bias=False)  # the core's input has its own bias
        nn.init.normal_(self.weight, std=0.3 * cue_size**0.5)

    def forward(self, cue: Tensor) -> Tensor:
        """Project cues `[..., C]` to `[..., P]`."""
        projected: Tensor = super().forward(normalize(cue, dim=-1)) / cue.shape[-1] ** 0.5
        return projected


class Agent(nn.Module):
    """An agent with a recurrent core, an actor and a critic, and possibly a memory; `build_agent` builds one.

    The core's input at step t is `[one-hot a_{t-1} (A), r_{t-1} (1), observation (O), cue (C)]`; at the first step
    action and reward are zero. Without `cue_input` C is 0.

    Args:
        sizes: of the task.
        core: the recurrent network.
        heads: policy and value.
        memory: what the agent remembers by; None plays without.
        projection: of the cue in the core's input; None shows the cue itself.
        cue_input: whether the cue is part of the core's input.
        cue_scale: factor of the cue in the core's input.
        cue_of: whose cue the core sees, `own` or that of an `other` environment.
    """

    def __init__(
        self,
        sizes: TaskSizes,
        core: Core,
        heads: ActorCriticHeads,
        memory: KeyedMemory | None = None,
        projection: CueProjection | None = None,
        cue_input: bool = False,
        cue_scale: float = 1.0,
        cue_of: str = "own",
    ) -> None:
        super().__init__()
        self.sizes, self.cue_input, self.cue_scale, self.cue_of = sizes, cue_input, cue_scale, cue_of
        self.projection, self.core, self.heads, self.memory = projection, core, heads, memory

    def seen(self, cue: Tensor) -> Tensor:
        """What the core sees of cues `[..., B, C]`: themselves, or their projection `[..., B, P]`, times the scale."""
        own = cue if self.cue_of == "own" else cue.roll(1, dims=-2)
        shown = own if self.projection is None else self.projection(own)
        return shown if self.cue_scale == 1 else self.cue_scale * shown

    def replay(self, trajectory: Trajectory, cue: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits `[T, B, A]` and values `[T, B]` of an episode that was played, with their gradient.

        Mixed precision (autocast) is off, as it was while the episode was played.

        Args:
            trajectory: played with these very weights.
            cue: `[B, C]` or `[T, B, C]`, through which a learned projection gets its gradient.
        """
        with full_precision(trajectory.actions.device):
            logits, values = self.heads(self.core.replay(trajectory.tape, *self._perceived(trajectory, cue)))
            return logits, values

    def loss(
        self,
        trajectories: Sequence[Trajectory],
        objective: ActorCritic,
        entropy_weight: float,
        cues: Sequence[Tensor | None],
    ) -> ActorCriticLoss:
        """The loss of consecutive episodes that were played, with the gradient of its total.

        If the core's state lasts for the block, the gradient goes back through all of them.

        Args:
            trajectories: of the episodes, played with these very weights.
            objective: the loss.
            entropy_weight: weight of the entropy bonus.
            cues: of each episode, as in `replay`.
        """
        with full_precision(trajectories[0].actions.device):
            if len(trajectories) == 1:
                return self._loss_of_one(trajectories[0], objective, entropy_weight, cues[0])
            if self.core.lasts == "block":
                hidden = self._replayed_as_one(trajectories, cues)
            else:
                perceived = map(self._perceived, trajectories, cues)
                replayed = zip(trajectories, perceived, strict=True)
                hidden = torch.cat([self.core.replay(each.tape, *parts) for each, parts in replayed], dim=1)
            actions = torch.cat([trajectory.actions for trajectory in trajectories], dim=1)
            rewards = torch.cat([trajectory.rewards for trajectory in trajectories], dim=1)
            return objective.of_hidden(self.heads, hidden, actions, rewards, entropy_weight)

    def _loss_of_one(
        self, trajectory: Trajectory, objective: ActorCritic, entropy_weight: float, cue: Tensor | None
    ) -> ActorCriticLoss:
        recalled, inputs = self._perceived(trajectory, cue)
        tape, outcome = trajectory.tape, (trajectory.actions, trajectory.rewards, entropy_weight)
        if isinstance(tape, NativeLSTMTape) and objective.is_plain(self.heads):
            return ActorCriticLoss(*native_episode_loss(tape, recalled, inputs, self.heads, objective, *outcome))
        return objective.of_hidden(self.heads, self.core.replay(tape, recalled, inputs), *outcome)

    def _replayed_as_one(self, trajectories: Sequence[Trajectory], cues: Sequence[Tensor | None]) -> Tensor:
        """Hidden states `[T, N * B, H]` of N episodes of B environments."""
        own = [self._inputs(*each) for each in zip(trajectories, cues, strict=True)]
        inputs = torch.cat([row for row in own if row is not None] or [each.tape.inputs for each in trajectories])
        recalled = None
        if any(trajectory.reads is not None for trajectory in trajectories):
            recalled = torch.cat([_recalled(trajectory) for trajectory in trajectories])
        joined = self.core.join(trajectories[0].tape, inputs, recalled)
        hidden = self.core.replay(joined, recalled, inputs if inputs.requires_grad else None)
        by_episode = hidden.unflatten(0, (len(trajectories), -1))[:, :-1]
        return torch.cat([*by_episode], dim=1)

    def _perceived(self, trajectory: Trajectory, cue: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """What an episode recalled, and the core's inputs if a learned projection made them; both with gradients."""
        inputs = self._inputs(trajectory, cue)
        recalled = trajectory.reads.recall.value if trajectory.reads is not None else None
        return recalled, None if inputs is None else inputs[:-1]

    def _inputs(self, trajectory: Trajectory, cue: Tensor | None) -> Tensor | None:
        """The inputs `[T + 1, B, I]` of an episode with the gradient of a learned projection; None without one."""
        if self.projection is None or cue is None:
            return None
        feedback, seen = trajectory.tape.inputs[:, :, : self.sizes.seen_size], self.seen(cue)
        if seen.dim() == 3:
            seen = torch.cat([seen, torch.zeros_like(seen[:1])])
        return torch.cat([feedback, seen.expand(len(feedback), -1, -1)], dim=-1)

    def policy_parameters(self) -> list[nn.Parameter]:
        """The parameters that reinforcement learning changes: everything but an embedder of keys."""
        store = self.memory.store.parameters() if self.memory is not None else ()
        return [*self.network_parameters(), *store]

    def network_parameters(self) -> list[nn.Parameter]:
        """The parameters of projection, core and heads."""
        projection = self.projection.parameters() if self.projection is not None else ()
        return [*projection, *self.core.parameters(), *self.heads.parameters()]


def _recalled(trajectory: Trajectory) -> Tensor:
    """What an episode's steps and the one after them recalled, `[T + 1, B, H]`."""
    steps, batch, size = trajectory.hidden.shape
    nothing = trajectory.hidden.new_zeros(1, batch, size)
    if trajectory.reads is None:
        return nothing.expand(steps + 1, -1, -1)
    return torch.cat([trajectory.reads.recall.value, nothing])
