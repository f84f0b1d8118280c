"""An agent with its memory plays blocks of a bandit task, all environments at once."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from memory.episodic_memory import EpisodicMemory, Recall
from networks.actor_critic import RecurrentActorCritic
from networks.episodic_lstm import tanh
from tasks.bandit import Bandit
from tasks.blocks import BlockSpec, seeded


class Trajectory(NamedTuple):
    """What happened in one episode, time first: T steps, B environments.

    A block stacks its episodes in front: `[E, T, B, ...]`, and `[E, B, ...]` for what is given once.
    """

    joint: Tensor  # [T, B, I + H] input at t and hidden state before it
    cells: Tensor  # [T + 1, B, H] cell states, the one before the first step included
    gates: Tensor  # [T, B, G * H] the LSTM's gates, see `EpisodicLSTMCell.step_`
    hidden: Tensor  # [T, B, H] hidden state after step t
    actions: Tensor  # [T, B] long
    rewards: Tensor  # [T, B]
    regrets: Tensor  # [T, B] best arm's probability of a reward less that of the chosen one
    recall: Recall | None  # of the read at the episode's start; None without memory


def play_episodes(
    task: Bandit,
    agent: RecurrentActorCritic,
    memory: EpisodicMemory | None,
    spec: BlockSpec,
    *,
    greedy: bool = False,
) -> Iterator[Trajectory]:
    """Play a block and yield each episode as it ends; without gradient.

    The memory is cleared at the start. The key is the episode's cue; since that stays the same during an
    episode, one read at its start serves all its steps. At the episode's end, before it is yielded, the
    final cell state is written under that key. Weights changed between two episodes are used from the
    next one on. With `greedy` the most probable action is taken, else one is drawn from the policy.

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
        recall = memory.read(spec.cues[episode]) if memory is not None else None
        trajectory = _play_episode(agent, spec, episode, luck[episode], noise, recall)
        if memory is not None:
            memory.write(spec.cues[episode], trajectory.cells[-1], spec.labels[episode])
        yield trajectory


@torch.no_grad()
def _play_episode(
    agent: RecurrentActorCritic,
    spec: BlockSpec,
    episode: int,
    luck: Tensor,
    noise: Tensor | None,
    recall: Recall | None,
) -> Trajectory:
    steps, batch = luck.shape
    arms = spec.arms(episode)
    cell, inputs, actions = agent.cell, agent.input_size, agent.actions
    joint = torch.zeros(steps + 1, batch, inputs + agent.hidden_size, device=luck.device)
    cells = torch.zeros(steps + 1, batch, agent.hidden_size, device=luck.device)
    gates = torch.empty(steps, batch, cell.gates * agent.hidden_size, device=luck.device)
    if agent.cue_input:
        joint[:, :, actions + 1 : inputs] = spec.cues[episode]
    squashed = tanh(recall.value) if recall is not None and cell.reinstatement else None
    taken = torch.empty(steps, batch, 1, dtype=torch.long, device=luck.device)
    # Views of each step, made once: indexing inside the loop would cost as much as the arithmetic.
    pays = (luck.unsqueeze(-1) < arms).float().unbind()  # [B, A] each: what every arm would pay
    joint_at, cell_at, taken_at = joint.unbind(), cells.unbind(), taken.unbind()
    hidden_at, reward_at = joint[:, :, inputs:].unbind(), joint[:, :, actions : actions + 1].unbind()
    gates_at, weights, heads = gates.unbind(), cell.doubled(), agent.policy_weights()
    for t in range(steps):
        cell.step_(weights, joint_at[t], cell_at[t], squashed, gates_at[t], hidden_at[t + 1], cell_at[t + 1])
        preference = torch.addmm(heads[1], hidden_at[t + 1], heads[0])
        if noise is not None:
            preference -= noise[t]
        action = torch.argmax(preference, dim=1, keepdim=True, out=taken_at[t])
        joint_at[t + 1].scatter_(1, action, 1.0)
        torch.gather(pays[t], 1, action, out=reward_at[t + 1])
    chosen = arms.expand(steps, -1, -1).gather(2, taken).squeeze(-1)
    return Trajectory(
        joint=joint[:-1],
        cells=cells,
        gates=gates,
        hidden=joint[1:, :, inputs:],
        actions=taken.squeeze(-1),
        rewards=joint[1:, :, actions],
        regrets=arms.amax(dim=1) - chosen,
        recall=recall,
    )


def rollout(
    task: Bandit,
    agent: RecurrentActorCritic,
    memory: EpisodicMemory | None,
    spec: BlockSpec,
    *,
    greedy: bool = False,
) -> Trajectory:
    """Play a whole block, see `play_episodes`; all fields with the episodes in front, `[E, T, B, ...]`."""
    episodes = list(play_episodes(task, agent, memory, spec, greedy=greedy))
    recalls = [episode.recall for episode in episodes if episode.recall is not None]
    return Trajectory(
        joint=torch.stack([episode.joint for episode in episodes]),
        cells=torch.stack([episode.cells for episode in episodes]),
        gates=torch.stack([episode.gates for episode in episodes]),
        hidden=torch.stack([episode.hidden for episode in episodes]),
        actions=torch.stack([episode.actions for episode in episodes]),
        rewards=torch.stack([episode.rewards for episode in episodes]),
        regrets=torch.stack([episode.regrets for episode in episodes]),
        recall=Recall(*(torch.stack(field) for field in zip(*recalls, strict=True))) if recalls else None,
    )
