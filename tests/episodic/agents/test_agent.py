"""The gradient of a played episode against autograd, and the projection of a cue."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.agents.agent import Agent, CueProjection
from episodic.agents.keys import Keys
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.agents.trajectory import Trajectory
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.stack_memory import StackMemory
from episodic.memory.weights import Neighbours
from episodic.networks.core import CoreState
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.tasks.blocks import BlockSpec
from tests.episodic.agents.agents import BATCH, HIDDEN, SEES, SPEC, TASK, build, memory_of
from tests.episodic.agents.trail import Trail

PROJECTED = Perception(cue_input=True, cue_projection=2)


def learned_query(capacity: int, key_size: int, value_size: int) -> EpisodicMemory:
    return EpisodicMemory(capacity, key_size, value_size, neighbours=3, learned_query=True)


def learned_stacks(capacity: int, key_size: int, value_size: int) -> StackMemory:
    return StackMemory(capacity, key_size, value_size, neighbours=Neighbours(count=2, learned_query=True))


def unrolled(agent: Agent, trajectory: Trajectory, cue: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and values of the same episode by `EpisodicLSTM.forward`, step by step."""
    assert isinstance(agent.core, EpisodicLSTM)
    state, hidden = CoreState(*torch.zeros(2, BATCH, HIDDEN).double()), []
    for t in range(len(trajectory.actions)):
        x = trajectory.tape.inputs[t, :, : agent.sizes.seen_size]
        if agent.cue_input:
            seen = cue if cue.dim() == 2 else cue[t]
            if agent.projection is not None:
                seen = normalize(seen, dim=1) @ agent.projection.weight.T / seen.shape[1] ** 0.5
            x = torch.cat([x, seen], dim=1)
        reads = trajectory.reads
        state, _ = agent.core(x, state, reads.recall.value[t].tanh() if reads is not None else None)
        hidden.append(state.hidden)
    sums = torch.stack(hidden) @ agent.heads.weight.T + agent.heads.bias
    return sums[..., :-1], sums[..., -1]


def doubled(spec: BlockSpec) -> BlockSpec:
    parts = {"queries": spec.queries, "keys": spec.keys}
    more: dict[str, Any] = {name: part.double() for name, part in parts.items() if part is not None}
    return spec._replace(cues=spec.cues.double(), **more)


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("keys", [Keys(), Keys("hidden")], ids=["context", "hidden"])
@pytest.mark.parametrize("memory", [None, EpisodicMemory, learned_query, learned_stacks])
@pytest.mark.parametrize("perception", [SEES, PROJECTED], ids=["cue", "projected"])
def test_replay_has_the_gradient_of_autograd(perception: Any, memory: Any, keys: Keys, by_step: bool) -> None:
    task = Trail(by_step=by_step)
    agent = build(task, perception=perception, memory=memory, keys=keys).double()
    spec, wanted = doubled(task.draw_block(BATCH, seed=5)), agent.policy_parameters()
    for episode, trajectory in enumerate(rollout(task, agent, spec)):
        assert not trajectory.hidden.requires_grad
        given = (trajectory, spec.cues[episode])
        found, expected = agent.replay(*given), unrolled(agent, *given)
        # Replaying takes tanh by a sigmoid, which is exact in double precision.
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(found, agent.heads(trajectory.hidden))
        gradients = []
        for logits, values in (found, expected):
            loss = logits.square().sum() + (values * torch.arange(BATCH)).sum()
            gradients.append(torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True))
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)
    query = getattr(memory_of(agent).store, "query_projection", None) if memory is not None else None
    if query is not None:  # several memories were weighed in the last episode
        row = next(row for row, parameter in enumerate(wanted) if parameter is query.weight)
        assert gradients[0][row].abs().sum() > 0


@pytest.mark.parametrize("keys", [Keys(), Keys("hidden", stored="all")], ids=["context", "hidden"])
def test_a_learned_query_has_a_gradient_as_soon_as_two_memories_are_weighed(keys: Keys) -> None:
    agent = build(memory=learned_query, keys=keys, perception=SEES)
    weight: Tensor = memory_of(agent).store.query_projection.weight  # type: ignore[assignment, union-attr]
    for episode, trajectory in enumerate(rollout(TASK, agent, SPEC)):
        logits, _ = agent.replay(trajectory)
        agent.zero_grad()
        logits.square().sum().backward()
        stored = episode * len(keys.stored_steps(TASK.pulls))
        gradient = weight.grad
        assert (gradient is not None and bool(gradient.any())) == (stored > 1)


@pytest.mark.parametrize("memory", [None, EpisodicMemory])
def test_any_core_replays_what_it_played(memory: Any) -> None:
    agent = build(core=EpisodicGRU, memory=memory, keys=Keys("hidden"), perception=PROJECTED)
    for episode, trajectory in enumerate(rollout(TASK, agent, SPEC)):
        logits, values = agent.replay(trajectory, SPEC.cues[episode])
        torch.testing.assert_close((logits, values), agent.heads(trajectory.hidden), atol=1e-5, rtol=1e-4)
        agent.zero_grad()
        (logits.sum() + values.sum()).backward()
        reached = [one.grad is not None and bool(one.grad.any()) for one in agent.network_parameters()]
        assert all(reached) or episode == 0  # where a reinstatement gate has nothing to let in


def test_without_the_cue_a_projection_gets_no_gradient() -> None:
    agent = build(perception=PROJECTED)
    logits, _ = agent.replay(next(rollout(TASK, agent, SPEC)))
    logits.sum().backward()
    assert agent.projection is not None
    assert agent.projection.weight.grad is None


def test_a_projection_takes_the_cues_place_in_the_input_and_not_in_keys() -> None:
    agent = build(perception=PROJECTED, memory=EpisodicMemory)
    assert agent.core.input_size == TASK.sizes.seen_size + 2
    for episode, trajectory in enumerate(rollout(TASK, agent, SPEC)):
        seen = agent.seen(SPEC.cues[episode]).detach()
        torch.testing.assert_close(seen, agent.seen(7 * SPEC.cues[episode]).detach())
        assert torch.equal(trajectory.tape.inputs[:-1, :, 4:], seen.expand(TASK.pulls, -1, -1))
        assert trajectory.reads is not None
        assert torch.equal(trajectory.reads.queries[-1], SPEC.cues[episode])
    plain = build(perception=SEES)
    assert torch.equal(plain.seen(SPEC.cues), SPEC.cues)


@pytest.mark.parametrize("size", [None, 2])
def test_the_cue_in_the_input_may_be_scaled_or_that_of_another_environment(size: int | None) -> None:
    own, *others = (
        build(perception=Perception(cue_input=True, cue_projection=size, **settings), memory=EpisodicMemory)
        for settings in ({}, {"cue_scale": 0.5}, {"cue_scale": 0.0}, {"cue_of": "other"})
    )
    for other in others:
        other.load_state_dict(own.state_dict())
    cue = SPEC.cues[0]
    expected = own.seen(cue)
    half, nothing, moved = (other.seen(cue) for other in others)
    assert torch.equal(half, 0.5 * expected)
    assert not nothing.any()
    assert torch.equal(moved[1:], expected[:-1])
    assert torch.equal(moved[0], expected[-1])
    trajectory = next(rollout(TASK, others[2], SPEC))
    assert torch.equal(trajectory.tape.inputs[0, :, 4:], moved)
    assert trajectory.reads is not None
    assert torch.equal(trajectory.reads.queries[0], cue)


@pytest.mark.parametrize("length", [20, 400])
def test_a_fresh_projection_gives_numbers_smaller_than_a_reward_for_cues_of_any_length(length: int) -> None:
    torch.manual_seed(0)
    assert CueProjection(length, 500)(100 * torch.randn(20, length)).std().item() == pytest.approx(0.3, abs=0.02)


def test_a_projection_of_no_size_is_named() -> None:
    with pytest.raises(InputError, match=r"^perception.cue_projection is 0: "):
        CueProjection(5, 0)


def test_reinforcement_learning_changes_everything_but_an_embedder_of_keys() -> None:
    keys = Keys("hidden", embedder=StateEmbedderConfig(embedding_size=4))
    agent = build(memory=learned_query, keys=keys, perception=PROJECTED)
    names = {id(parameter): name for name, parameter in agent.named_parameters()}
    changed = {names[id(parameter)] for parameter in agent.policy_parameters()}
    assert changed == {name for name in names.values() if not name.startswith("memory.embedder.")}
    network = {names[id(parameter)] for parameter in agent.network_parameters()}
    assert changed - network == {"memory.store.query_projection.weight"}
