"""An agent with its memory plays blocks of a bandit task, all environments at once."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.agents.keys import KeySource
from episodic.memory.memory import Memory
from episodic.memory.recall import Recall
from episodic.networks.actor_critic import RecurrentActorCritic
from episodic.networks.episodic_lstm import tanh
from episodic.tasks.bandit import Bandit
from episodic.tasks.blocks import BlockSpec, seeded

CONTEXT = KeySource()


class Trajectory(NamedTuple):
    """What happened in one episode, time first: T steps, B environments.

    A block stacks its episodes in front: `[E, T, B, ...]`.
    """

    joint: Tensor  # [T, B, I + H] input at t and hidden state before it
    cells: Tensor  # [T + 1, B, H] cell states, the one before the first step included
    gates: Tensor  # [T, B, G * H] the LSTM's gates, see `EpisodicLSTMCell.begin_`
    hidden: Tensor  # [T, B, H] hidden state after step t
    actions: Tensor  # [T, B] long
    rewards: Tensor  # [T, B]
    regrets: Tensor  # [T, B] best arm's probability of a reward less that of the chosen one
    queries: Tensor | None  # [T, B, K] what the memory was searched with; None without memory
    recall: Recall | None  # [T, B, ...] what it gave back


def play_episodes(
    task: Bandit,
    agent: RecurrentActorCritic,
    memory: Memory | None,
    spec: BlockSpec,
    *,
    keys: KeySource = CONTEXT,
    greedy: bool = False,
) -> Iterator[Trajectory]:
    """Play a block and yield each episode as it ends; without gradient but to a learned query projection.

    The memory is cleared at the start. It is searched at every step, or once, see `KeySource`. At the episode's end,
    before it is yielded, its keys are written, and with them what an encoder made them of, states or drawings' rows.
    Weights, and what the memory holds, may be changed between two episodes, and are used from the next one on. With
    `greedy` the most probable action is taken, else one is drawn from the policy.

    The choices' noise is a function of the block's seed alone: the same weights play the same block the
    same way.
    """
    device = spec.labels.device
    luck = task.luck(spec)
    generator = seeded(spec.seed, 2, device)
    if memory is not None:
        memory.reset(spec.batch_size)
    for episode in range(spec.episodes):
        noise = None
        if not greedy:
            shape = (task.pulls, spec.batch_size, task.arms)
            uniform = torch.rand(shape, generator=generator, device=device)
            noise = uniform.log_().neg_().log_()  # minus Gumbel noise
        reader = _Reader(memory, keys, spec, episode, task.label_count) if memory is not None else None
        trajectory = _play_episode(agent, spec, episode, luck[episode], noise, reader)
        if memory is not None and reader is not None:
            _store(memory, keys, trajectory, reader.states, spec, episode)
        yield trajectory


class _Reader:
    """The reads of one episode."""

    def __init__(self, memory: Memory, keys: KeySource, spec: BlockSpec, episode: int, label_count: int) -> None:
        self.memory, self.keys, self.cue = memory, keys, spec.cues[episode]
        self.differentiable = torch.is_grad_enabled()  # playing itself is without gradient
        self.queries: list[Tensor] = []
        self.recalls: list[Recall] = []
        self.states: list[Tensor] = []  # what an encoder made the queries of
        self.carried = keys.encoder.initial_state(spec.batch_size) if keys.encoder is not None else None
        if not keys.changing:
            self._search(keys.constant_query(spec, episode, label_count))

    def _search(self, query: Tensor) -> None:
        with torch.set_grad_enabled(self.differentiable):
            self.recalls.append(self.memory.read(query))
        self.queries.append(query)

    def squashed(self) -> Tensor:
        """The tanh of what was recalled last, `[B, H]`."""
        return tanh(self.recalls[-1].value.detach())

    def step(self, feedback: Tensor, candidate: Tensor, output_gate: Tensor) -> Tensor:
        """Search at one step; the tanh of what is recalled, `[B, H]`.

        Shapes: feedback `[B, A + 1]` (previous action and reward), candidate cell state and output gate `[B, H]`.
        """
        self._search(self._step_query(feedback, candidate, output_gate))
        return self.squashed()

    def _step_query(self, feedback: Tensor, candidate: Tensor, output_gate: Tensor) -> Tensor:
        if self.keys.source == "input":
            return torch.cat([feedback, self.cue], dim=1)
        state = self.keys.step_state(candidate, output_gate, self.cue)
        if self.keys.encoder is None:
            return state
        self.states.append(state)
        query, self.carried = self.keys.encoder.step(state, self.carried)
        return query

    def all_steps(self, steps: int) -> tuple[Tensor, Recall]:
        """Queries and recalls of all steps, `[T, B, ...]`."""
        with torch.set_grad_enabled(self.differentiable):
            if len(self.queries) == steps:
                return torch.stack(self.queries), _stacked(self.recalls)
            query, recall = self.queries[0], self.recalls[0]
            return query.expand(steps, *query.shape), Recall(*(part.expand(steps, *part.shape) for part in recall))


def _stacked(recalls: list[Recall]) -> Recall:
    return Recall(*(torch.stack(field) for field in zip(*recalls, strict=True)))


def _store(
    memory: Memory,
    keys: KeySource,
    trajectory: Trajectory,
    states: list[Tensor],
    spec: BlockSpec,
    episode: int,
) -> None:
    """Write an episode's keys, the earlier steps' first."""
    assert trajectory.queries is not None
    returns, cells = trajectory.rewards.sum(dim=0), trajectory.cells
    drawing = spec.drawings[episode].unsqueeze(1).float() if spec.drawings is not None else None
    for step in keys.stored_steps(len(trajectory.queries)):
        key = trajectory.queries[step]
        value = cells[-1] if keys.value == "final" else cells[step + 1]
        stack = keys.stack_of(key) if keys.stack_of is not None else None
        source = states[step] if states else drawing
        memory.write(key, value, spec.labels[episode], returns, source=source, stack=stack)


@torch.no_grad()
def _play_episode(
    agent: RecurrentActorCritic,
    spec: BlockSpec,
    episode: int,
    luck: Tensor,
    noise: Tensor | None,
    reader: _Reader | None,
) -> Trajectory:
    steps, batch = luck.shape
    arms = spec.arms(episode)
    cell, inputs, actions = agent.cell, agent.input_size, agent.actions
    joint = torch.zeros(steps + 1, batch, inputs + agent.hidden_size, device=luck.device)
    cells = torch.zeros(steps + 1, batch, agent.hidden_size, device=luck.device)
    gates = torch.empty(steps, batch, cell.gates * agent.hidden_size, device=luck.device)
    if agent.cue_input:
        joint[:, :, actions + 1 : inputs] = agent.perceived(spec.cues[episode])
    searches = reader.keys.searches(steps) if reader is not None else 0
    squashed = reader.squashed() if reader is not None and not searches else None
    taken = torch.empty(steps, batch, 1, dtype=torch.long, device=luck.device)
    # Views of each step, made once: indexing inside the loop would cost as much as the arithmetic.
    pays = (luck.unsqueeze(-1) < arms).float().unbind()  # [B, A] each: what every arm would pay
    joint_at, cell_at, taken_at = joint.unbind(), cells.unbind(), taken.unbind()
    hidden_at, reward_at = joint[:, :, inputs:].unbind(), joint[:, :, actions : actions + 1].unbind()
    feedback_at, output_at = joint[:, :, : actions + 1].unbind(), gates[:, :, : agent.hidden_size].unbind()
    gates_at, weights, heads = gates.unbind(), cell.doubled(), agent.policy_weights()
    for t in range(steps):
        cell.begin_(weights, joint_at[t], cell_at[t], gates_at[t], cell_at[t + 1])
        if reader is not None and t < searches:
            squashed = reader.step(feedback_at[t], cell_at[t + 1], output_at[t])
        cell.finish_(gates_at[t], squashed if cell.reinstatement else None, hidden_at[t + 1], cell_at[t + 1])
        preference = torch.addmm(heads[1], hidden_at[t + 1], heads[0])
        if noise is not None:
            preference -= noise[t]
        action = torch.argmax(preference, dim=1, keepdim=True, out=taken_at[t])
        joint_at[t + 1].scatter_(1, action, 1.0)
        torch.gather(pays[t], 1, action, out=reward_at[t + 1])
    chosen = arms.expand(steps, -1, -1).gather(2, taken).squeeze(-1)
    queries, recall = reader.all_steps(steps) if reader is not None else (None, None)
    return Trajectory(
        joint=joint[:-1],
        cells=cells,
        gates=gates,
        hidden=joint[1:, :, inputs:],
        actions=taken.squeeze(-1),
        rewards=joint[1:, :, actions],
        regrets=arms.amax(dim=1) - chosen,
        queries=queries,
        recall=recall,
    )


def rollout(
    task: Bandit,
    agent: RecurrentActorCritic,
    memory: Memory | None,
    spec: BlockSpec,
    *,
    keys: KeySource = CONTEXT,
    greedy: bool = False,
) -> Trajectory:
    """Play a whole block, see `play_episodes`; all fields with the episodes in front, `[E, T, B, ...]`."""
    episodes = list(play_episodes(task, agent, memory, spec, keys=keys, greedy=greedy))

    def stacked(name: str) -> Tensor:
        return torch.stack([getattr(episode, name) for episode in episodes])

    recalls = [episode.recall for episode in episodes if episode.recall is not None]
    return Trajectory(
        joint=stacked("joint"),
        cells=stacked("cells"),
        gates=stacked("gates"),
        hidden=stacked("hidden"),
        actions=stacked("actions"),
        rewards=stacked("rewards"),
        regrets=stacked("regrets"),
        queries=stacked("queries") if recalls else None,
        recall=_stacked(recalls) if recalls else None,
    )
