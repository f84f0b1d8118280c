"""Cores whose state lasts for the block: a rollout equals one long sequence, and every block starts anew."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.networks.core import Core, CoreState
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.networks.sequence_cores import GatedTransformerXL, LinearRecurrentUnit
from episodic.objectives.actor_critic import ActorCritic, ActorCriticLoss
from tests.episodic.agents.agents import BATCH, HIDDEN, SEES, SPEC, TASK, build
from tests.episodic.agents.test_agent import doubled

Factory = Callable[..., Core]
CORES = pytest.mark.parametrize("factory", [EpisodicLSTM, EpisodicGRU])


def lasting(factory: Factory, lasts: str = "block") -> Callable[[int, bool], Core]:
    return lambda input_size, reinstatement: factory(input_size, reinstatement, hidden_size=HIDDEN, lasts=lasts)


@CORES
def test_the_last_outcome_of_an_episode_reaches_the_next_one(factory: Factory) -> None:
    agent = build(core=lasting(factory), perception=SEES)
    state = CoreState(torch.zeros(BATCH, HIDDEN), torch.zeros(BATCH, HIDDEN))
    for episode, trajectory in enumerate(rollout(TASK, agent, SPEC)):
        rows = trajectory.tape.inputs
        assert (rows[0, :, : TASK.actions + 1] == 0).all()  # tells an episode's start
        torch.testing.assert_close(rows[-1, :, TASK.actions], trajectory.rewards[-1])
        torch.testing.assert_close(rows[:, :, TASK.actions + 1 :], SPEC.cues[episode].expand(TASK.pulls + 1, -1, -1))
        for t, row in enumerate(rows):
            with torch.no_grad():
                if isinstance(agent.core, EpisodicLSTM):
                    state, _ = agent.core(row, state)
                else:
                    assert isinstance(agent.core, EpisodicGRU)
                    state, _ = agent.core.step(row, state, None)
            if t < TASK.pulls:
                torch.testing.assert_close(trajectory.hidden[t], state.hidden)


@CORES
def test_a_block_starts_from_zeros_and_so_does_each_episode_unless_asked(factory: Factory) -> None:
    agent = build(core=lasting(factory), perception=SEES)
    first, again = (list(rollout(TASK, agent, SPEC)) for _ in range(2))
    assert torch.equal(first[-1].hidden, again[-1].hidden)
    assert (first[0].cells[0] == 0).all()
    assert (first[1].cells[0] != 0).any()
    reset = build(core=lasting(factory, "episode"), perception=SEES)
    assert all((trajectory.cells[0] == 0).all() for trajectory in rollout(TASK, reset, SPEC))


@pytest.mark.parametrize("factory", [GatedTransformerXL, LinearRecurrentUnit])
def test_a_block_of_a_sequence_core_knows_nothing_of_the_last_one(factory: Factory) -> None:
    agent, fresh = (build(core=lasting(factory), perception=SEES) for _ in range(2))
    fresh.load_state_dict(agent.state_dict())
    for _ in range(2):
        list(rollout(TASK, agent, SPEC))
    again, first = list(rollout(TASK, agent, SPEC)), list(rollout(TASK, fresh, SPEC))
    assert all(torch.equal(one.hidden, other.hidden) for one, other in zip(again, first, strict=True))
    assert not torch.equal(first[0].hidden[0], first[1].hidden[0])  # but of the episode before


@pytest.mark.parametrize(
    ("factory", "memory"),
    [
        (EpisodicLSTM, None),
        (EpisodicLSTM, EpisodicMemory),
        (EpisodicGRU, EpisodicMemory),
        (GatedTransformerXL, None),
        (LinearRecurrentUnit, None),
    ],
)
def test_the_replay_of_a_later_episode_equals_its_playing(
    factory: Factory, memory: type[EpisodicMemory] | None
) -> None:
    agent = build(core=lasting(factory), perception=SEES, memory=memory)
    for episode, trajectory in enumerate(rollout(TASK, agent, SPEC)):
        logits, _ = agent.replay(trajectory, SPEC.cues[episode])
        torch.testing.assert_close(logits, agent.heads(trajectory.hidden)[0], atol=2e-4, rtol=1e-4)  # single precision
        gradients = torch.autograd.grad(logits.square().sum(), list(agent.core.parameters()), allow_unused=True)
    # In the last episode all is used, also what came back from the memory.
    assert all(gradient is not None and gradient.any() for gradient in gradients)


class Squares(ActorCritic):
    """An objective that is the squared logits of the later episodes: no part of it is without its gradient."""

    def __call__(self, logits: Tensor, values: Tensor, actions: Tensor, *_: Any) -> ActorCriticLoss:
        total = logits[:, BATCH:].square().mean()
        return ActorCriticLoss(total, total, total, total)


@pytest.mark.parametrize(
    ("factory", "memory", "perception"),
    [
        (EpisodicLSTM, None, SEES),
        (EpisodicLSTM, None, Perception(cue_input=True, cue_projection=3)),
        (EpisodicLSTM, EpisodicMemory, SEES),
        (EpisodicGRU, EpisodicMemory, SEES),
        (GatedTransformerXL, None, SEES),
        (LinearRecurrentUnit, None, SEES),
    ],
)
def test_gradients_go_back_through_all_episodes_of_an_update(
    factory: Factory, memory: type[EpisodicMemory] | None, perception: Perception
) -> None:
    agent = build(core=lasting(factory), perception=perception, memory=memory).double()
    spec = doubled(SPEC)
    played, cues = list(islice(rollout(TASK, agent, spec), 2, 6)), list(spec.cues[2:6])
    parameters = agent.policy_parameters()

    def total() -> Tensor:
        return agent.loss(played, Squares(), 0.0, cues).total

    gradients = torch.autograd.grad(total(), parameters, allow_unused=True)
    # By finite differences; the states that later episodes begin with are computed anew from the changed weights.
    found = [pair for pair in zip(parameters, gradients, strict=True) if isinstance(pair[1], Tensor)]
    assert len(found) >= len(list(agent.core.parameters()))
    for parameter, gradient in found:
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            values = []
            for step in (1e-6, -1e-6):
                parameter.add_(direction, alpha=step)
                values.append(float(total()))
                parameter.sub_(direction, alpha=step)
        expected = (values[0] - values[1]) / 2e-6
        torch.testing.assert_close(float((gradient * direction).sum()), expected, atol=1e-6, rtol=1e-4)
