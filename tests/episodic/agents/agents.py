"""Small agents for the tests."""

from typing import Any

import torch

from episodic.agents.agent import Agent
from episodic.agents.keyed_memory import KeyedMemory
from episodic.agents.parts import build_agent
from episodic.agents.perception import Perception
from episodic.memory.memory import Memory
from episodic.networks.core import Core
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.task import Task

HIDDEN, BATCH = 6, 5
TASK = BarcodeBandit(arms=3, contexts=4, exposures=3, pulls=4, bits=5)
SPEC = TASK.draw_block(BATCH, seed=11)
SEES = Perception(cue_input=True)


def small(input_size: int, reinstatement: bool) -> Core:
    return EpisodicLSTM(input_size, reinstatement, hidden_size=HIDDEN)


def build(task: Task = TASK, *, seed: int = 0, **options: Any) -> Agent:
    """An agent whose policy depends visibly on its state, and whose embedder sets its keys well apart."""
    torch.manual_seed(seed)
    agent = build_agent(task.sizes, **{"core": small, **options}).agent
    with torch.no_grad():
        for parameter in agent.core.parameters():
            parameter.mul_(3)
        agent.heads.weight.mul_(20)
        if agent.memory is not None and agent.memory.embedder is not None:
            embedder = agent.memory.embedder.train()
            for _ in range(40):
                embedder.embed(0.3 * torch.randn(50, embedder.input_size) + 0.1)
            embedder.eval()
    return agent


def memory_of(agent: Agent) -> KeyedMemory:
    assert agent.memory is not None
    return agent.memory


def slots_of(agent: Agent) -> Memory:
    """The memory of an agent whose store keeps slots."""
    store = memory_of(agent).store
    assert isinstance(store, Memory)
    return store
