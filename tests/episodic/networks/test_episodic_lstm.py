"""The episodic LSTM against torch's own LSTM, the paper's equations and autograd."""

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from episodic.errors import InputError
from episodic.networks.episodic_lstm import EpisodicLSTMCell, LSTMState

INPUT, HIDDEN, BATCH = 3, 4, 2


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build_cell(*, reinstatement: bool = True, closed: bool = False) -> EpisodicLSTMCell:
    """A cell in double precision with all weights and biases at random, the r-gate shut if asked for."""
    cell = EpisodicLSTMCell(INPUT, HIDDEN, reinstatement=reinstatement).double()
    with torch.no_grad():
        cell.weight.copy_(draw(*cell.weight.shape, seed=1))
        cell.bias.copy_(draw(*cell.bias.shape, seed=2))
        if closed:
            cell.bias[3 * HIDDEN : 4 * HIDDEN] = -1e9
    return cell


def as_torch_lstm(cell: EpisodicLSTMCell) -> nn.LSTMCell:
    """torch's cell with the same weights: its rows are i, f, g, o, where this one's are o, i, f, (r,) g."""
    lstm = nn.LSTMCell(INPUT, HIDDEN).double()
    gates = cell.gates
    order = [1, 2, gates - 1, 0]
    with torch.no_grad():
        weight = torch.cat([cell.weight.chunk(gates)[gate] for gate in order])
        lstm.weight_ih.copy_(weight[:, :INPUT])
        lstm.weight_hh.copy_(weight[:, INPUT:])
        lstm.bias_ih.copy_(torch.cat([cell.bias.chunk(gates)[gate] for gate in order]))
        lstm.bias_hh.zero_()
    return lstm


class Episode(NamedTuple):
    """What `begin_` and `finish_` leave behind."""

    joint: Tensor
    cells: Tensor
    gates: Tensor
    hidden: Tensor


@torch.no_grad()
def play(cell: EpisodicLSTMCell, inputs: Tensor, state: LSTMState, recalled: Tensor | None) -> Episode:
    """An episode by `begin_` and `finish_`: inputs `[T, B, I]`, recalled `[T, B, H]`."""
    steps, batch, _ = inputs.shape
    joint = inputs.new_empty(steps, batch, INPUT + HIDDEN)
    cells = inputs.new_empty(steps + 1, batch, HIDDEN)
    gates = inputs.new_empty(steps, batch, cell.gates * HIDDEN)
    hidden = inputs.new_empty(steps + 1, batch, HIDDEN)
    hidden[0], cells[0] = state
    for t in range(steps):
        joint[t] = torch.cat([inputs[t], hidden[t]], dim=-1)
        squashed = torch.tanh(recalled[t]) if recalled is not None and cell.reinstatement else None
        cell.begin_(cell.doubled(), joint[t], cells[t], gates[t], cells[t + 1])
        cell.finish_(gates[t], squashed, hidden[t + 1], cells[t + 1])
    return Episode(joint, cells, gates, hidden[1:])


def unroll(cell: EpisodicLSTMCell, inputs: Tensor, state: LSTMState, recalled: Tensor | None) -> Tensor:
    """The same by `forward`, step by step -> hidden `[T, B, H]`."""
    hidden = []
    for t, x in enumerate(inputs):
        state, _ = cell(x, state, recalled[t] if recalled is not None else None)
        hidden.append(state.hidden)
    return torch.stack(hidden)


def replay(cell: EpisodicLSTMCell, inputs: Tensor, state: LSTMState, recalled: Tensor | None) -> Tensor:
    """The same by `replay` after `begin_` and `finish_`; the gradient can reach `inputs` and `recalled`."""
    episode = play(cell, inputs, state, recalled)
    joint = torch.cat([inputs, episode.joint[..., INPUT:]], dim=-1)
    return cell.replay(joint, episode.cells, episode.gates, recalled)


def draw_state(seed: int) -> LSTMState:
    return LSTMState(draw(BATCH, HIDDEN, seed=seed).tanh(), draw(BATCH, HIDDEN, seed=seed + 1))


def gradients(hidden: Tensor, wanted: list[Tensor]) -> list[Tensor]:
    loss = (hidden * draw(*hidden.shape, seed=9)).sum() + hidden.square().sum()
    return list(torch.autograd.grad(loss, wanted))


@pytest.mark.parametrize("reinstatement", [True, False], ids=["closed gate", "no gate"])
def test_without_reinstatement_it_is_a_plain_lstm(reinstatement: bool) -> None:
    cell = build_cell(reinstatement=reinstatement, closed=reinstatement)
    lstm = as_torch_lstm(cell)
    state = draw_state(3)
    expected = (state.hidden, state.cell)
    for x, recalled in zip(draw(6, BATCH, INPUT), draw(6, BATCH, HIDDEN, seed=5) * 10, strict=True):
        state, gate = cell(x, state, recalled)
        expected = lstm(x, expected)
        torch.testing.assert_close(state.hidden, expected[0])
        torch.testing.assert_close(state.cell, expected[1])
        assert (gate is None) == (not reinstatement)


def test_one_step_equals_the_equations_unit_by_unit() -> None:
    cell = build_cell()
    x, state, recalled = draw(BATCH, INPUT), draw_state(3), draw(BATCH, HIDDEN, seed=5)
    after, gate = cell(x, state, recalled)
    assert gate is not None

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    for row in range(BATCH):
        joint = x[row].tolist() + state.hidden[row].tolist()
        for unit in range(HIDDEN):
            sums = []
            for index in range(5):
                weights = cell.weight[index * HIDDEN + unit].tolist()
                bias = cell.bias[index * HIDDEN + unit].item()
                sums.append(sum(w * v for w, v in zip(weights, joint, strict=True)) + bias)
            o, i, f, r = (sigmoid(value) for value in sums[:4])
            candidate = math.tanh(sums[4])
            c = i * candidate + f * state.cell[row, unit].item() + r * math.tanh(recalled[row, unit].item())
            assert after.cell[row, unit].item() == pytest.approx(c, abs=1e-12)
            assert after.hidden[row, unit].item() == pytest.approx(o * math.tanh(c), abs=1e-12)
            assert gate[row, unit].item() == pytest.approx(r, abs=1e-12)


def test_nothing_recalled_is_the_same_as_recalling_zero() -> None:
    cell, x, state = build_cell(), draw(BATCH, INPUT), draw_state(3)
    nothing, _ = cell(x, state, None)
    zero, _ = cell(x, state, torch.zeros(BATCH, HIDDEN, dtype=torch.float64))
    torch.testing.assert_close(nothing, zero)
    something, _ = cell(x, state, torch.ones(BATCH, HIDDEN, dtype=torch.float64))
    assert not torch.allclose(nothing.cell, something.cell)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("with_recall", [True, False])
@pytest.mark.parametrize("reinstatement", [True, False])
def test_step_in_place_equals_forward(reinstatement: bool, with_recall: bool, dtype: torch.dtype) -> None:
    cell = build_cell(reinstatement=reinstatement).to(dtype)
    inputs = draw(5, BATCH, INPUT).to(dtype)
    state = LSTMState(*(part.to(dtype) for part in draw_state(3)))
    recalled = draw(5, BATCH, HIDDEN, seed=5).to(dtype) if with_recall else None
    episode = play(cell, inputs, state, recalled)
    for t in range(5):
        state, gate = cell(inputs[t], state, recalled[t] if recalled is not None else None)
        torch.testing.assert_close(episode.hidden[t], state.hidden)
        torch.testing.assert_close(episode.cells[t + 1], state.cell)
        found = cell.reinstatement_gate(episode.gates[t])
        if gate is None:
            assert found is None
        else:
            torch.testing.assert_close(found, gate)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("with_recall", [True, False])
@pytest.mark.parametrize("reinstatement", [True, False])
@pytest.mark.parametrize("from_zero", [True, False])
def test_replay_has_the_gradient_of_autograd(
    reinstatement: bool, with_recall: bool, steps: int, from_zero: bool
) -> None:
    cell = build_cell(reinstatement=reinstatement)
    inputs = draw(steps, BATCH, INPUT).requires_grad_()
    recalled = draw(steps, BATCH, HIDDEN, seed=5).requires_grad_() if with_recall else None
    state = cell.initial_state(BATCH) if from_zero else draw_state(3)
    wanted = [cell.weight, cell.bias, inputs]
    if recalled is not None and reinstatement:
        wanted.append(recalled)
    expected, found = unroll(cell, inputs, state, recalled), replay(cell, inputs, state, recalled)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, wanted), gradients(expected, wanted))


def test_a_recall_shared_by_all_steps_gets_the_sum_of_their_gradients() -> None:
    cell, inputs, state = build_cell(), draw(5, BATCH, INPUT), draw_state(3)
    recalled = draw(BATCH, HIDDEN, seed=5).requires_grad_()
    shared = recalled.expand(5, -1, -1)
    expected, found = unroll(cell, inputs, state, shared), replay(cell, inputs, state, shared)
    torch.testing.assert_close(gradients(found, [recalled]), gradients(expected, [recalled]))


def test_gradient_of_single_steps() -> None:
    cell, inputs, state = build_cell(), draw(5, BATCH, INPUT), draw_state(3)
    recalled = draw(5, BATCH, HIDDEN, seed=5)
    expected, found = unroll(cell, inputs, state, recalled), replay(cell, inputs, state, recalled)
    for t in range(5):
        wanted = torch.autograd.grad(expected[t].sum(), cell.weight, retain_graph=True)
        torch.testing.assert_close(torch.autograd.grad(found[t].sum(), cell.weight, retain_graph=True), wanted)


def test_going_back_twice_gives_the_same_gradient() -> None:
    cell, state = build_cell(), draw_state(3)
    hidden = replay(cell, draw(5, BATCH, INPUT), state, draw(5, BATCH, HIDDEN, seed=5))
    first = torch.autograd.grad(hidden.sum(), [cell.weight, cell.bias], retain_graph=True)
    second = torch.autograd.grad(hidden.sum(), [cell.weight, cell.bias])
    torch.testing.assert_close(second, first, rtol=0.0, atol=0.0)


def test_replay_leaves_the_episode_as_it_was() -> None:
    cell, recalled = build_cell(), draw(5, BATCH, HIDDEN, seed=5)
    episode = play(cell, draw(5, BATCH, INPUT), draw_state(3), recalled)
    before = [part.clone() for part in (*episode, recalled)]
    cell.replay(episode.joint, episode.cells, episode.gates, recalled).sum().backward()
    torch.testing.assert_close([*episode, recalled], before, rtol=0.0, atol=0.0)


def test_changing_one_row_leaves_the_others() -> None:
    cell, state = build_cell(), draw_state(3)
    inputs, recalled = draw(5, BATCH, INPUT), draw(5, BATCH, HIDDEN, seed=5)
    changed_inputs, changed_recalled = inputs.clone(), recalled.clone()
    changed_inputs[:, 0], changed_recalled[:, 0] = 5.0, -5.0
    reset = LSTMState(state.hidden.clone(), state.cell.clone())
    reset.hidden[0], reset.cell[0] = 0.0, 0.0
    results = []
    for x, s, r in ((inputs, state, recalled), (changed_inputs, reset, changed_recalled)):
        x.requires_grad_()
        hidden = replay(cell, x, s, r)
        results.append((hidden, *torch.autograd.grad(hidden.square().sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one[:, 1], other[:, 1])
        assert not torch.allclose(one[:, 0], other[:, 0])


@pytest.mark.parametrize("reinstatement", [True, False])
def test_initial_biases(reinstatement: bool) -> None:
    cell = EpisodicLSTMCell(INPUT, HIDDEN, reinstatement=reinstatement, forget_bias=1.5, reinstatement_bias=-2.0)
    means = [rows.mean().item() for rows in cell.bias.chunk(cell.gates)]
    assert means == ([0.0, 0.0, 1.5, -2.0, 0.0] if reinstatement else [0.0, 0.0, 1.5, 0.0])
    assert cell.weight.abs().max() <= HIDDEN**-0.5
    assert [part.abs().sum().item() for part in cell.initial_state(BATCH)] == [0.0, 0.0]
    assert cell.initial_state(BATCH).cell.shape == (BATCH, HIDDEN)


@pytest.mark.parametrize("name", ["input_size", "hidden_size"])
def test_bad_sizes_are_named(name: str) -> None:
    sizes: dict[str, Any] = {"input_size": INPUT, "hidden_size": HIDDEN, name: 0}
    with pytest.raises(InputError, match=f"^{name} is 0"):
        EpisodicLSTMCell(**sizes)


@pytest.mark.parametrize("reinstatement", [False, True])
def test_candidates_are_the_states_without_the_steps_own_recall(reinstatement: bool) -> None:
    cell, inputs = build_cell(reinstatement=reinstatement), draw(5, BATCH, INPUT, seed=3)
    start, recalled = (
        LSTMState(draw(BATCH, HIDDEN, seed=4), draw(BATCH, HIDDEN, seed=5)),
        draw(5, BATCH, HIDDEN, seed=6),
    )
    episode = play(cell, inputs, start, recalled)
    found = cell.candidates(episode.gates, episode.cells)
    before = torch.cat([start.hidden.unsqueeze(0), episode.hidden[:-1]])
    for t in range(5):
        expected, _ = cell(inputs[t], LSTMState(before[t], episode.cells[t]))
        assert torch.allclose(found.cell[t], expected.cell)
        assert torch.allclose(found.hidden[t], expected.hidden)
    assert torch.allclose(found.cell, episode.cells[1:]) != reinstatement
