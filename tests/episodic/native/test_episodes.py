"""Whole blocks, by native kernels and by PyTorch: the same actions and rewards, and gradients to the last digits."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from episodic.agents import Agent, Keys, MemoryFactory, Perception, StateEmbedderConfig, build_agent, rollout
from episodic.errors import InputError
from episodic.memory import AttentionMemory, EpisodicMemory, FuzzyMemory, StackMemory
from episodic.networks import EpisodicGRU, EpisodicLSTM
from episodic.objectives import ActorCritic
from episodic.tasks import BarcodeBandit, CompositionalBandit, ContextualChoice, Task, TwoStep, WaterMaze
from tests.episodic.native.paths import both, distance, needs_kernels

BANDIT = BarcodeBandit(arms=4, contexts=5, exposures=3, pulls=6)
TASKS: dict[str, Task] = {
    "bandit": BANDIT,
    "maze": WaterMaze(contexts=3, exposures=2, length=8),
    "two-step": TwoStep(trials=12),
    "two-step in one step": TwoStep(trials=12, steps_per_trial=1),
    "compositional": CompositionalBandit(classes=8, exposures=2),
    "choice": ContextualChoice(trials=3, dimensions=5),
}
MEMORY = {"memory": EpisodicMemory}
SEES = {"perception": Perception(cue_input=True)}
AGENTS: dict[str, dict[str, Any]] = {
    "no memory": {},
    "context": MEMORY,
    "stacks": {"memory": StackMemory},
    "fuzzy": {"memory": lambda *sizes: FuzzyMemory(*sizes, clusters=3)},
    "attention": {"memory": AttentionMemory},
    "input": {**MEMORY, "keys": Keys("input", stored="all")},
    "hidden": {**MEMORY, **SEES, "keys": Keys("hidden", stored="last")},
    "hidden state, first step": {
        **MEMORY,
        **SEES,
        "keys": Keys("hidden", state="hidden", stored="first", read_at="first"),
    },
    "label": {"memory": lambda *sizes: EpisodicMemory(*sizes, threshold=0.5), "keys": Keys("label")},
    "embedder": {**MEMORY, **SEES, "keys": Keys("hidden", embedder=StateEmbedderConfig())},
    "cue as input": {**MEMORY, **SEES},
    "projected cue": {**MEMORY, "perception": Perception(cue_input=True, cue_projection=3)},
    "state of the block": {"core": lambda *sizes: EpisodicLSTM(*sizes, hidden_size=20, lasts="block")},
    "another core": {**MEMORY, "core": EpisodicGRU},
}


class Played(NamedTuple):
    """One episode."""

    actions: Tensor
    rewards: Tensor
    loss: Tensor
    gradient: Tensor


def agent_for(task: Task, seed: int, **options: Any) -> Agent:
    """An agent whose choices depend visibly on its state."""
    torch.manual_seed(seed)
    agent = build_agent(task.sizes, **options).agent
    with torch.no_grad():
        for parameter in agent.core.parameters():
            parameter.mul_(2)
        agent.heads.weight.mul_(10)
    return agent


def play(task: Task, agent: Agent, batch: int, seed: int) -> list[Played]:
    spec, played, objective = task.draw_block(batch, seed), [], ActorCritic(trace=0.8)
    parameters = agent.policy_parameters()
    for episode, trajectory in enumerate(rollout(task, agent, spec)):
        loss = agent.loss([trajectory], objective, 0.05, [spec.cues[episode]])
        gradients = torch.autograd.grad(loss.total, parameters, allow_unused=True)
        flat = torch.cat([part.flatten() for part in gradients if part is not None])
        played.append(Played(trajectory.actions, trajectory.rewards, torch.stack([*loss]).detach(), flat))
    return played


def assert_alike(native: list[Played], plain: list[Played]) -> None:
    for one, other in zip(native, plain, strict=True):
        assert torch.equal(one.actions, other.actions)
        assert torch.equal(one.rewards, other.rewards)
        torch.testing.assert_close(one.loss, other.loss, rtol=1e-5, atol=1e-5)
        assert distance(one.gradient, other.gradient) < 1e-5


@needs_kernels
@pytest.mark.parametrize("options", AGENTS.values(), ids=AGENTS.keys())
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_every_kind_of_agent_plays_alike(task: Task, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the kernels know the task and not the memory, so that steps are played one by one."""
    assert_alike(*both(lambda: play(task, agent_for(task, 1, **options), batch=7, seed=3), monkeypatch))


@needs_kernels
@pytest.mark.parametrize("keys", ["context", "input", "hidden"])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_every_task_is_played_alike(task: Task, keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agent_for(task, 2, **MEMORY, **SEES, keys=Keys(keys))
    assert_alike(*both(lambda: play(task, agent, batch=9, seed=5), monkeypatch))


@needs_kernels
@pytest.mark.parametrize("seed", range(6))
def test_every_size_is_played_alike(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(seed)
    arms, pulls, hidden, batch = (int(torch.randint(*span, (), generator=generator)) for span in SPANS)
    task = BarcodeBandit(arms=arms, contexts=arms, exposures=2, pulls=pulls)

    def core(input_size: int, reinstatement: bool) -> EpisodicLSTM:
        return EpisodicLSTM(input_size, reinstatement, hidden_size=hidden)

    memory = EpisodicMemory if seed % 3 else None
    agent = agent_for(task, seed, core=core, memory=memory)
    assert_alike(*both(lambda: play(task, agent, batch, seed), monkeypatch))


#: Smallest and largest number of arms, pulls, hidden units and environments.
SPANS = ((2, 20), (1, 8), (1, 90), (1, 150))


@needs_kernels
def test_what_is_played_one_way_is_replayed_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss may be computed by PyTorch after native play: the tape is the same."""
    agent, objective = agent_for(BANDIT, 1, memory=EpisodicMemory), ActorCritic()
    trajectory = next(iter(rollout(BANDIT, agent, BANDIT.draw_block(5, 0))))
    whole = agent.loss([trajectory], objective, 0.05, [None])
    logits, values = agent.replay(trajectory)
    monkeypatch.setenv("EPISODIC_NATIVE", "0")
    parts = objective(logits, values, trajectory.actions, trajectory.rewards, 0.05)
    for one, other in zip(
        torch.autograd.grad(whole.total, agent.policy_parameters()),
        torch.autograd.grad(parts.total, agent.policy_parameters()),
        strict=True,
    ):
        assert distance(one, other) < 1e-5


@needs_kernels
@pytest.mark.parametrize("keys", ["context", "hidden"])
@pytest.mark.parametrize("memory", [EpisodicMemory, StackMemory])
@pytest.mark.parametrize("name", TASKS)
def test_an_episode_in_one_call_is_that_of_its_steps(
    name: str, memory: MemoryFactory, keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS[name]
    agent = agent_for(task, 1, memory=memory, **SEES, keys=Keys(keys))
    whole, contents = play(task, agent, 70, seed=0), memory_of(agent)
    monkeypatch.setattr("episodic.agents.native.play.native_game", lambda _: None)
    assert_alike(whole, play(task, agent, 70, seed=0))
    for name, buffer in memory_of(agent).items():
        torch.testing.assert_close(contents[name], buffer)


def memory_of(agent: Agent) -> dict[str, Tensor]:
    assert agent.memory is not None
    return {name: buffer.clone() for name, buffer in agent.memory.store.named_buffers()}


@needs_kernels
def test_a_weight_that_is_not_a_number_shows_in_the_loss() -> None:
    agent = agent_for(BANDIT, 1)
    with torch.no_grad():
        agent.core.get_parameter("bias")[3] = float("nan")
    trajectory = next(iter(rollout(BANDIT, agent, BANDIT.draw_block(5, 0))))
    assert agent.loss([trajectory], ActorCritic(), 0.05, [None]).total.isnan()


@needs_kernels
def test_a_state_that_is_not_a_number_is_refused_by_the_memory() -> None:
    agent = agent_for(BANDIT, 1, **MEMORY)
    with torch.no_grad():
        agent.core.get_parameter("bias")[3] = float("nan")
    with pytest.raises(InputError, match="value"):
        next(iter(rollout(BANDIT, agent, BANDIT.draw_block(70, 0))))
