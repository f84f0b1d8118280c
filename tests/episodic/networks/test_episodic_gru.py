"""The episodic GRU against torch's own GRU cell and its equations."""

import torch
from torch import Tensor

from episodic.networks.core import CoreState
from episodic.networks.episodic_gru import EpisodicGRU
from tests.episodic.networks.cores import BATCH, HIDDEN, INPUT, STEPS, draw, play, shaken


def test_without_reinstatement_it_is_torchs_gru() -> None:
    core = shaken(EpisodicGRU(INPUT, False, hidden_size=HIDDEN))
    cell = torch.nn.GRUCell(INPUT, HIDDEN).double()
    cell.load_state_dict({name.removeprefix("gru."): value for name, value in core.state_dict().items()})
    inputs, hidden = draw(STEPS, BATCH, INPUT), torch.zeros(BATCH, HIDDEN).double()
    tape, _ = play(core, inputs, draw(STEPS, BATCH, HIDDEN, seed=5))
    for t in range(STEPS):
        hidden = cell(inputs[t], hidden)
        torch.testing.assert_close(tape.hidden[t], hidden.detach())
        assert torch.equal(tape.cells[t + 1], tape.hidden[t]), "one vector is read by the heads and stored"


def test_one_step_equals_the_equations() -> None:
    core = shaken(EpisodicGRU(INPUT, True, hidden_size=HIDDEN))
    x, before, recalled = draw(BATCH, INPUT), draw(BATCH, HIDDEN, seed=1), draw(BATCH, HIDDEN, seed=2)
    gru, reinstate = core.gru, core.reinstate
    assert reinstate is not None
    of_input, of_state = gru.weight_ih.chunk(3), gru.weight_hh.chunk(3)
    input_bias, state_bias = gru.bias_ih.chunk(3), gru.bias_hh.chunk(3)

    def sums(gate: int) -> tuple[Tensor, Tensor]:
        return x @ of_input[gate].T + input_bias[gate], before @ of_state[gate].T + state_bias[gate]

    u, z = (sum(sums(gate)).sigmoid() for gate in (0, 1))  # type: ignore[union-attr]
    candidate = (sums(2)[0] + u * sums(2)[1]).tanh()
    r = (x @ reinstate.weight[:, :INPUT].T + before @ reinstate.weight[:, INPUT:].T + reinstate.bias).sigmoid()
    expected = (1 - z) * candidate + z * before + r * recalled.tanh()
    state, gate = core.step(x, CoreState(before, before), recalled.tanh())
    torch.testing.assert_close(state, CoreState(expected, expected))
    torch.testing.assert_close(gate, r)


def test_initial_bias_of_the_gate() -> None:
    reinstate = EpisodicGRU(INPUT, True, hidden_size=HIDDEN, reinstatement_bias=-2.0).reinstate
    assert reinstate is not None
    assert (reinstate.bias == -2).all()
    assert reinstate.weight.abs().max() <= HIDDEN**-0.5
