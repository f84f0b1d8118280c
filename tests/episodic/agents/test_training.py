"""Training in a script."""

from functools import partial

import pytest
import torch

from episodic.agents import build_agent, rollout, train_agent
from episodic.agents.agent import Agent
from episodic.errors import InputError
from episodic.memory import EpisodicMemory
from episodic.objectives import ActorCritic
from episodic.tasks import BarcodeBandit, DrawingBandit
from episodic.tasks.blocks import block_seed

TASK = BarcodeBandit(arms=2, contexts=2, exposures=3, pulls=4, bits=4)


def agent() -> Agent:
    torch.manual_seed(0)
    return build_agent(TASK.sizes, memory=partial(EpisodicMemory, threshold=0.99)).agent


def test_an_agent_learns_to_use_its_memory() -> None:
    learner = agent()
    rewards = train_agent(learner, TASK, 40, environments=32, learning_rate=0.03, loss=ActorCritic(discount=0.3))
    assert rewards[:5].mean() == pytest.approx(TASK.chance, abs=0.2)
    forgetful = TASK.ideal_rewards(TASK.draw_block(512, 0), memory=False).sum(dim=1).mean()
    assert rewards[-5:].mean() > forgetful + 0.1


def test_the_first_block_is_trained_as_by_hand() -> None:
    learner, other = agent(), agent()
    train_agent(learner, TASK, blocks=1, environments=8, loss=ActorCritic(discount=0.3), seed=5)
    optimizer = torch.optim.Adam(other.parameters(), lr=0.015, fused=True)
    for trajectory in rollout(TASK, other, TASK.draw_block(8, block_seed(5, "train", 0, 0))):
        logits, values = other.replay(trajectory)
        optimizer.zero_grad()
        ActorCritic(discount=0.3)(logits, values, trajectory.actions, trajectory.rewards, 0.05).total.backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), 1.0)
        optimizer.step()
    for one, two in zip(learner.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_seed_decides_the_blocks() -> None:
    def train(seed: int) -> torch.Tensor:
        return train_agent(agent(), TASK, blocks=2, environments=4, seed=seed)

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="blocks is 0: it must be greater than 0"):
        train_agent(agent(), TASK, blocks=0)
    drawn = DrawingBandit(arms=2, contexts=2, exposures=2, pulls=2)
    with pytest.raises(InputError, match="task shows drawings"):
        train_agent(agent(), drawn, blocks=1)
