"""The episodic LSTM against torch's own LSTM, the paper's equations and autograd."""

import math

import pytest
import torch
from torch import Tensor, nn

from episodic.networks.core import CoreState
from episodic.networks.episodic_lstm import EpisodicLSTM
from tests.episodic.networks.cores import BATCH, HIDDEN, INPUT, STEPS, draw, gradients, play, shaken


def build(reinstatement: bool = True, closed: bool = False) -> EpisodicLSTM:
    """A core with all weights and biases at random, the r-gate shut if asked for."""
    core = shaken(EpisodicLSTM(INPUT, reinstatement, hidden_size=HIDDEN))
    if closed:
        with torch.no_grad():
            core.bias[3 * HIDDEN : 4 * HIDDEN] = -1e9
    return core


def as_torch_lstm(core: EpisodicLSTM) -> nn.LSTM:
    """torch's network with the same weights: its rows are i, f, g, o, where this one's are o, i, f, (r,) g."""
    lstm = nn.LSTM(INPUT, HIDDEN)
    order = [1, 2, core.gates - 1, 0]
    state = dict(lstm.double().state_dict())
    with torch.no_grad():
        weight = torch.cat([core.weight.chunk(core.gates)[gate] for gate in order])
        state["weight_ih_l0"].copy_(weight[:, :INPUT])
        state["weight_hh_l0"].copy_(weight[:, INPUT:])
        state["bias_ih_l0"].copy_(torch.cat([core.bias.chunk(core.gates)[gate] for gate in order]))
        state["bias_hh_l0"].zero_()
    return lstm


@pytest.mark.parametrize("reinstatement", [True, False], ids=["closed gate", "no gate"])
def test_without_reinstatement_it_is_a_plain_lstm(reinstatement: bool) -> None:
    core = build(reinstatement, closed=reinstatement)
    inputs, recalled = draw(STEPS, BATCH, INPUT), draw(STEPS, BATCH, HIDDEN, seed=5) * 10
    tape, _ = play(core, inputs, recalled)
    lstm = as_torch_lstm(core)
    expected, (_, last_cell) = lstm(inputs)
    torch.testing.assert_close(tape.hidden, expected.detach())
    torch.testing.assert_close(tape.cells[-1], last_cell[0].detach())
    d_weight, d_bias = gradients(core.replay(tape, recalled), [core.weight, core.bias])
    rows = [d_weight.chunk(core.gates)[gate] for gate in (1, 2, core.gates - 1, 0)]
    d_ih, d_hh, d_b = gradients(expected, list(lstm.parameters())[:3])
    torch.testing.assert_close(torch.cat(rows), torch.cat([d_ih, d_hh], dim=1))
    torch.testing.assert_close(torch.cat([d_bias.chunk(core.gates)[gate] for gate in (1, 2, core.gates - 1, 0)]), d_b)


def test_one_step_equals_the_equations_unit_by_unit() -> None:
    core = build()
    x, recalled = draw(BATCH, INPUT), draw(BATCH, HIDDEN, seed=5)
    before = CoreState(draw(BATCH, HIDDEN, seed=3).tanh(), draw(BATCH, HIDDEN, seed=4))
    after, gate = core(x, before, recalled.tanh())

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    for row in range(BATCH):
        joint = x[row].tolist() + before.hidden[row].tolist()
        for unit in range(HIDDEN):
            sums = []
            for index in range(5):
                weights = core.weight[index * HIDDEN + unit].tolist()
                bias = core.bias[index * HIDDEN + unit].item()
                sums.append(sum(w * v for w, v in zip(weights, joint, strict=True)) + bias)
            o, i, f, r = (sigmoid(value) for value in sums[:4])
            c = i * math.tanh(sums[4]) + f * before.cell[row, unit].item() + r * math.tanh(recalled[row, unit].item())
            assert after.cell[row, unit].item() == pytest.approx(c, abs=1e-12)
            assert after.hidden[row, unit].item() == pytest.approx(o * math.tanh(c), abs=1e-12)
            assert gate[row, unit].item() == pytest.approx(r, abs=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("reinstatement", [True, False])
def test_playing_equals_forward(reinstatement: bool, dtype: torch.dtype) -> None:
    core = build(reinstatement).to(dtype)
    inputs, recalled = draw(STEPS, BATCH, INPUT).to(dtype), draw(STEPS, BATCH, HIDDEN, seed=5).to(dtype)
    tape, candidates = play(core, inputs, recalled)
    gates, state = core.gate(tape), CoreState(*torch.zeros(2, BATCH, HIDDEN, dtype=dtype))
    for t in range(STEPS):
        torch.testing.assert_close(candidates[t], core(inputs[t], state)[0])
        state, gate = core(inputs[t], state, recalled[t].tanh())
        torch.testing.assert_close(CoreState(tape.hidden[t], tape.cells[t + 1]), state)
        if gates is not None:
            torch.testing.assert_close(gates[t], gate)


def test_the_written_gradient_equals_finite_differences() -> None:
    core = build()
    given = [draw(*shape, seed=seed) for seed, shape in enumerate([(3, 1, INPUT), (3, 1, HIDDEN)])]
    weights = [parameter.detach().clone() for parameter in (core.weight, core.bias)]
    del core.weight, core.bias  # plain tensors take their place

    def replayed(weight: Tensor, bias: Tensor, inputs: Tensor, recalled: Tensor) -> Tensor:
        core.weight, core.bias = weight, bias  # type: ignore[assignment]
        return core.replay(play(core, inputs, recalled)[0], recalled, inputs)

    assert torch.autograd.gradcheck(replayed, [part.requires_grad_() for part in (*weights, *given)])


def test_a_recall_shared_by_all_steps_gets_the_sum_of_their_gradients() -> None:
    core, inputs, recalled = build(), draw(STEPS, BATCH, INPUT), draw(BATCH, HIDDEN, seed=5).requires_grad_()
    shared = recalled.expand(STEPS, -1, -1)
    each = shared.detach().clone().requires_grad_()
    tape, _ = play(core, inputs, shared)
    (of_shared,), (of_each,) = (
        gradients(core.replay(tape, shared), [recalled]),
        gradients(core.replay(tape, each), [each]),
    )
    torch.testing.assert_close(of_shared, of_each.sum(dim=0))


@pytest.mark.parametrize("reinstatement", [True, False])
def test_initial_weights_and_biases(reinstatement: bool) -> None:
    core = EpisodicLSTM(INPUT, reinstatement, hidden_size=HIDDEN, forget_bias=1.5, reinstatement_bias=-2.0)
    means = [rows.mean().item() for rows in core.bias.chunk(core.gates)]
    assert means == ([0.0, 0.0, 1.5, -2.0, 0.0] if reinstatement else [0.0, 0.0, 1.5, 0.0])
    assert core.weight.abs().max() <= HIDDEN**-0.5
