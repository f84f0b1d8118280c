"""No update makes the host wait for the device.

On PyTorch's `meta` device tensors have shapes but no numbers, so whatever asks for a number (`.item()`, `.cpu()`, a
branch on a tensor, a boolean mask) raises an error. Everything else takes the path of a GPU.

`FuzzyMemory` is left out: it looks whether its clusters have converged.
"""

from functools import partial
from importlib import import_module
from typing import Any

import pytest
import torch

from episodic.agents import Keys, Perception, StateEmbedderConfig, build_agent, rollout
from episodic.memory import AttentionMemory, DeltaMemory, EpisodicMemory, StackMemory
from episodic.networks import EpisodicGRU, EpisodicLSTM
from episodic.objectives import ActorCritic
from episodic.objectives.native_adam import NativeSteps, clip_gradients
from episodic.tasks import (
    BarcodeBandit,
    CompositionalBandit,
    ContextualChoice,
    RepeatPrevious,
    Task,
    TwoStep,
    WaterMaze,
)

META = torch.device("meta")
BANDIT = BarcodeBandit(arms=3, contexts=3, exposures=2, pulls=4)
TASKS: list[Task] = [
    BANDIT,
    CompositionalBandit(classes=8, exposures=2),
    CompositionalBandit(classes=8, exposures=2, stored="queried"),
    ContextualChoice(trials=2, dimensions=3),
    TwoStep(trials=6),
    WaterMaze(contexts=2, exposures=2, length=5),
]
MEMORY = {"memory": EpisodicMemory}
SEES = {"perception": Perception(cue_input=True)}
AGENTS: dict[str, dict[str, Any]] = {
    "context": MEMORY,
    "stacks": {"memory": StackMemory},
    "average of a stack": {"memory": partial(StackMemory, update="average")},
    "best return": {"memory": partial(StackMemory, update="best_return")},
    "learned query": {"memory": partial(EpisodicMemory, neighbours=2, learned_query=True)},
    "attention": {"memory": AttentionMemory},
    "delta": {"memory": DeltaMemory},
    "input": {**MEMORY, "keys": Keys("input", stored="all")},
    "hidden": {**MEMORY, **SEES, "keys": Keys("hidden")},
    "embedder": {**MEMORY, **SEES, "keys": Keys("hidden", embedder=StateEmbedderConfig())},
    "state of the block": {"core": lambda *sizes: EpisodicLSTM(*sizes, lasts="block")},
    "another core": {**MEMORY, "core": EpisodicGRU},
}


def train_a_block(task: Task, **options: Any) -> None:
    agent = build_agent(task.sizes, **options).agent.to(META)
    parameters, objective = agent.policy_parameters(), ActorCritic()
    adam = NativeSteps(partial(torch.optim.Adam, lr=1e-3))(parameters)
    spec = task.draw_block(4, seed=0).to(META)
    for episode, trajectory in enumerate(rollout(task, agent, spec)):
        loss = agent.loss([trajectory], objective, 0.05, [spec.cues[episode]])
        adam.zero_grad()
        loss.total.backward()
        clip_gradients(parameters, 1.0)
        adam.step()


@pytest.fixture(autouse=True)
def meta_tensors_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The `meta` device has neither random generators nor autocast."""
    for name in ("episodic.agents.rollout", "episodic.tasks.task"):
        monkeypatch.setattr(import_module(name), "seeded", lambda *_: None)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)


@pytest.mark.parametrize("options", AGENTS.values(), ids=AGENTS.keys())
def test_no_kind_of_agent_waits(options: dict[str, Any]) -> None:
    train_a_block(BANDIT, **options)


@pytest.mark.parametrize("keys", [Keys(), Keys("hidden", stored="first")], ids=["cue", "hidden"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_no_task_waits(task: Task, keys: Keys) -> None:
    train_a_block(task, **MEMORY, **SEES, keys=keys)


@pytest.mark.parametrize("task", [BANDIT, RepeatPrevious(length=6, episodes=2)], ids=lambda task: type(task).__name__)
def test_no_agent_without_memory_waits(task: Task) -> None:
    train_a_block(task)


def test_waiting_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        bool(torch.zeros((), device=META))
