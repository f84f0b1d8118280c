"""The agent's network: shapes, heads, and the gradient of an episode through both."""

from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.networks.actor_critic import RecurrentActorCritic

ACTIONS, CUE, HIDDEN, STEPS, BATCH = 3, 5, 4, 6, 2


def build(**options: Any) -> RecurrentActorCritic:
    torch.manual_seed(0)
    return RecurrentActorCritic(ACTIONS, CUE, HIDDEN, **options)


def unroll(agent: RecurrentActorCritic, inputs: Tensor, recalled: Tensor | None) -> tuple[Tensor, ...]:
    """An episode by the cell's `forward` -> joint, cells, gates, hidden, as a trajectory has them."""
    state = agent.cell.initial_state(inputs.shape[1])
    joints, cells, gates, hidden = [], [state.cell], [], []
    for t, x in enumerate(inputs):
        joints.append(torch.cat([x, state.hidden], dim=-1))
        sums = (joints[-1] @ agent.cell.weight.T + agent.cell.bias).chunk(agent.cell.gates, dim=-1)
        gates.append(torch.cat([*sums[:-1], 2 * sums[-1]], dim=-1).sigmoid())
        state, _ = agent.cell(x, state, recalled[t] if recalled is not None else None)
        cells.append(state.cell)
        hidden.append(state.hidden)
    return torch.stack(joints), torch.stack(cells), torch.stack(gates), torch.stack(hidden)


@pytest.mark.parametrize(("cue_input", "size"), [(False, ACTIONS + 1), (True, ACTIONS + 1 + CUE)])
def test_the_input_holds_action_reward_and_the_cue_if_asked_for(cue_input: bool, size: int) -> None:
    agent = build(cue_input=cue_input)
    assert agent.input_size == agent.cell.input_size == size
    assert agent.cell.weight.shape == (5 * HIDDEN, size + HIDDEN)


@pytest.mark.parametrize("shape", [(BATCH,), (STEPS, BATCH), (2, STEPS, BATCH)])
def test_shapes_of_the_heads(shape: tuple[int, ...]) -> None:
    logits, values = build().evaluate(torch.randn(*shape, HIDDEN))
    assert logits.shape == (*shape, ACTIONS)
    assert values.shape == shape


def test_policy_weights_give_the_logits() -> None:
    agent = build()
    torch.nn.init.normal_(agent.heads.bias)
    hidden = torch.randn(BATCH, HIDDEN)
    weight, bias = agent.policy_weights()
    torch.testing.assert_close(hidden @ weight + bias, agent.evaluate(hidden)[0])


@pytest.mark.parametrize("reinstatement", [True, False])
def test_forward_equals_the_steps_in_values_and_gradient(reinstatement: bool) -> None:
    agent = build(reinstatement=reinstatement).double()
    inputs = torch.randn(STEPS, BATCH, agent.input_size, dtype=torch.float64)
    recalled = torch.randn(STEPS, BATCH, HIDDEN, dtype=torch.float64) if reinstatement else None
    joint, cells, gates, hidden = unroll(agent, inputs, recalled)
    expected = agent.evaluate(hidden)
    found = agent(joint.detach(), cells.detach(), gates.detach(), recalled)
    torch.testing.assert_close(found, expected)
    logits, values = found
    assert logits.shape == (STEPS, BATCH, ACTIONS)
    assert values.shape == (STEPS, BATCH)
    parameters = list(agent.parameters())
    losses = [(one.square().sum() + other.sum()) for one, other in (found, expected)]
    torch.testing.assert_close(*(torch.autograd.grad(loss, parameters) for loss in losses))


def test_the_first_policy_is_nearly_uniform() -> None:
    logits, values = build().evaluate(torch.ones(1, HIDDEN))
    assert logits.abs().max() < 0.5
    assert values.abs().max() < 0.5


def test_biases_and_reinstatement_reach_the_cell() -> None:
    agent = build(forget_bias=2.0, reinstatement_bias=-3.0)
    assert [rows[0].item() for rows in agent.cell.bias.chunk(5)] == [0.0, 0.0, 2.0, -3.0, 0.0]
    assert not build(reinstatement=False).cell.reinstatement


@pytest.mark.parametrize("name", ["actions", "cue_size", "hidden_size"])
def test_bad_sizes_are_named(name: str) -> None:
    sizes: dict[str, Any] = {"actions": ACTIONS, "cue_size": CUE, "hidden_size": HIDDEN, name: 0}
    with pytest.raises(InputError, match=f"^{name} is 0"):
        RecurrentActorCritic(**sizes)


# ------------------------------------------------------------------------------------------------ projection

PROJECTED = 2


def stepwise(agent: RecurrentActorCritic, feedback: Tensor, cue: Tensor, recalled: Tensor | None) -> tuple[Tensor, ...]:
    """An episode by the cell's `forward`, with `W u / sqrt(C)` of the cue's direction u at each step.

    Shapes: feedback `[T, B, A + 1]` (previous action and reward), cue `[B, K]` -> joint, cells, gates, hidden.
    """
    assert agent.projection is not None
    direction = cue / cue.square().sum(dim=1, keepdim=True).sqrt()
    seen = direction @ agent.projection.weight.T / CUE**0.5
    inputs = [torch.cat([before, seen], dim=1) for before in feedback]
    return unroll(agent, torch.stack(inputs), recalled)


def test_a_projection_takes_the_cues_place() -> None:
    agent = build(cue_input=True, cue_projection=PROJECTED)
    assert agent.input_size == agent.cell.input_size == ACTIONS + 1 + PROJECTED
    assert agent.projection is not None
    assert {name: part.shape for name, part in agent.projection.named_parameters()} == {"weight": (PROJECTED, CUE)}
    cue = torch.randn(BATCH, CUE)
    assert agent.perceived(cue).shape == (BATCH, PROJECTED)
    torch.testing.assert_close(agent.perceived(7 * cue), agent.perceived(cue))
    assert torch.equal(build(cue_input=True).perceived(cue), cue)


def test_what_a_fresh_projection_gives_is_smaller_than_a_reward_for_cues_of_any_length() -> None:
    for length in (20, 400):
        torch.manual_seed(0)
        agent = RecurrentActorCritic(ACTIONS, length, HIDDEN, cue_input=True, cue_projection=500)
        seen = agent.perceived(100 * torch.randn(20, length))
        assert seen.std().item() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("reinstatement", [True, False])
def test_a_projection_equals_the_steps_in_values_and_gradient(reinstatement: bool) -> None:
    agent = build(cue_input=True, cue_projection=PROJECTED, reinstatement=reinstatement).double()
    feedback, cue = torch.randn(STEPS, BATCH, ACTIONS + 1).double(), torch.randn(BATCH, CUE).double()
    recalled = torch.randn(STEPS, BATCH, HIDDEN, dtype=torch.float64) if reinstatement else None
    joint, cells, gates, hidden = stepwise(agent, feedback, cue, recalled)
    expected = agent.evaluate(hidden)
    found = agent(joint.detach(), cells.detach(), gates.detach(), recalled, cue)
    torch.testing.assert_close(found, expected)
    losses = [one.square().sum() + other.sum() for one, other in (found, expected)]
    gradients = [torch.autograd.grad(loss, list(agent.parameters())) for loss in losses]
    torch.testing.assert_close(*gradients)
    assert agent.projection is not None
    place = [parameter is agent.projection.weight for parameter in agent.parameters()].index(True)
    assert gradients[0][place].abs().min() > 0


def test_without_the_cue_the_projection_gets_no_gradient() -> None:
    agent = build(cue_input=True, cue_projection=PROJECTED)
    joint, cells, gates, _ = stepwise(agent, torch.randn(STEPS, BATCH, ACTIONS + 1), torch.randn(BATCH, CUE), None)
    logits, _ = agent(joint.detach(), cells.detach(), gates.detach(), None)
    logits.sum().backward()
    assert agent.projection is not None
    assert agent.projection.weight.grad is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cue_projection": 2}, "cue_projection is 2: without cue_input it has to be null"),
        ({"cue_projection": 0, "cue_input": True}, "cue_projection is 0: it has to be greater than 0"),
    ],
)
def test_bad_projections_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        build(**options)
