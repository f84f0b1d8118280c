"""Trains an agent in a script, without a data module, callbacks or checkpoints."""

import torch
from torch import Tensor

from episodic.agents.agent import Agent
from episodic.agents.rollout import rollout
from episodic.errors import require, require_positive
from episodic.objectives.actor_critic import ActorCritic
from episodic.tasks.blocks import block_seed
from episodic.tasks.task import Task


def train_agent(
    agent: Agent,
    task: Task,
    blocks: int,
    *,
    environments: int = 64,
    loss: ActorCritic | None = None,
    learning_rate: float = 0.015,
    gradient_norm: float = 1.0,
    seed: int = 0,
) -> Tensor:
    """Train an agent by advantage actor-critic; return the mean episode reward of each block `[blocks]`.

    Each block is played in all environments at once. The weights are updated after each of its episodes, by Adam, with
    a learning rate that falls linearly to zero. An embedder of keys keeps its weights.

    The training stage `EpisodicAgent` does the same with checkpoints, validation and plots.

    Args:
        agent: changed in place.
        task: the rules; its cues must not be drawings.
        blocks: number of blocks to play.
        environments: number of environments in a block.
        loss: settings of the loss; None takes the defaults of `ActorCritic`.
        learning_rate: of the first block.
        gradient_norm: gradients are clipped to this norm.
        seed: of the blocks.

    Raises:
        InputError: a number that is not positive; a task that shows drawings.

    >>> from episodic.agents.parts import build_agent
    >>> from episodic.tasks.barcode_bandit import BarcodeBandit
    >>> task = BarcodeBandit(arms=2, contexts=2, exposures=2, pulls=3)
    >>> train_agent(build_agent(task.sizes).agent, task, blocks=4, environments=8).shape
    torch.Size([4])
    """
    require_positive(blocks=blocks, environments=environments, learning_rate=learning_rate, gradient_norm=gradient_norm)
    require(not task.shows_drawings, "task shows drawings, which only the training stage EpisodicAgent makes cues of")
    loss, parameters = loss or ActorCritic(), agent.policy_parameters()
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    rewards = []
    for block in range(blocks):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - block / blocks)
        spec = task.draw_block(environments, block_seed(seed, "train", 0, block)).to(parameters[0].device)
        for episode, trajectory in enumerate(rollout(task, agent, spec)):
            logits, values = agent.replay(trajectory, spec.cues[episode])
            entropy_weight = loss.entropy_weight(block / blocks)
            optimizer.zero_grad()
            loss(logits, values, trajectory.actions, trajectory.rewards, entropy_weight).total.backward()
            torch.nn.utils.clip_grad_norm_(parameters, gradient_norm)
            optimizer.step()
            rewards.append(trajectory.rewards.sum(dim=0).mean())
    return torch.stack(rewards).view(blocks, -1).mean(dim=1)
