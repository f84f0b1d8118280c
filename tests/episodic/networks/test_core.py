"""What every core of an agent does: playing equals replaying, rows are independent, wrong sizes are named."""

from collections.abc import Callable

import pytest
import torch

from episodic.errors import InputError
from episodic.networks.core import Core, tanh
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.networks.episodic_lstm import EpisodicLSTM
from tests.episodic.networks.cores import BATCH, HIDDEN, INPUT, STEPS, draw, gradients, play, shaken

Factory = Callable[..., Core]
CORES = pytest.mark.parametrize("factory", [EpisodicLSTM, EpisodicGRU])
GATES = pytest.mark.parametrize("reinstatement", [True, False])


def build(factory: Factory, reinstatement: bool = True) -> Core:
    return shaken(factory(INPUT, reinstatement, hidden_size=HIDDEN))


@CORES
@GATES
@pytest.mark.parametrize("with_recall", [True, False])
def test_replayed_states_equal_the_played_ones(factory: Factory, reinstatement: bool, with_recall: bool) -> None:
    core, recalled = build(factory, reinstatement), draw(STEPS, BATCH, HIDDEN, seed=5) if with_recall else None
    tape, candidates = play(core, draw(STEPS, BATCH, INPUT), recalled)
    hidden = core.replay(tape, recalled)
    assert hidden.requires_grad
    torch.testing.assert_close(hidden.detach(), tape.hidden)
    assert not tape.hidden.requires_grad
    assert (tape.cells[0] == 0).all()
    found = core.candidates(tape)
    torch.testing.assert_close(found.hidden, torch.stack([one.hidden for one in candidates]))
    torch.testing.assert_close(found.cell, torch.stack([one.cell for one in candidates]))
    assert torch.allclose(found.hidden, tape.hidden) == (not (reinstatement and with_recall))
    gate = core.gate(tape)
    if not reinstatement:
        assert gate is None
        return
    assert gate is not None
    assert gate.shape == (STEPS, BATCH, HIDDEN)
    assert ((gate > 0) & (gate < 1)).all()
    if recalled is not None:
        torch.testing.assert_close(tape.cells[1:], found.cell + gate * recalled.tanh())


@CORES
def test_a_recall_of_zeros_reinstates_nothing(factory: Factory) -> None:
    core, inputs, zeros = build(factory), draw(STEPS, BATCH, INPUT), torch.zeros(STEPS, BATCH, HIDDEN).double()
    nothing, _ = play(core, inputs, None)
    torch.testing.assert_close(play(core, inputs, zeros)[0].hidden, nothing.hidden)
    torch.testing.assert_close(core.replay(nothing, zeros), core.replay(nothing, None))


@CORES
def test_changing_one_row_leaves_the_others(factory: Factory) -> None:
    core = build(factory)
    inputs, recalled = draw(STEPS, BATCH, INPUT), draw(STEPS, BATCH, HIDDEN, seed=5)
    changed_inputs, changed_recalled = inputs.clone(), recalled.clone()
    changed_inputs[:, 0], changed_recalled[:, 0] = 5.0, -5.0
    results = []
    for x, r in ((inputs, recalled), (changed_inputs, changed_recalled)):
        tape, _ = play(core, x, r.requires_grad_())
        x.requires_grad_()
        hidden = core.replay(tape, r, x)
        results.append((hidden, *torch.autograd.grad(hidden.square().sum(), (x, r))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one[:, 1], other[:, 1])
        assert not torch.allclose(one[:, 0], other[:, 0])


@CORES
def test_replay_leaves_the_tape_as_it_was_and_can_be_repeated(factory: Factory) -> None:
    core, recalled = build(factory), draw(STEPS, BATCH, HIDDEN, seed=5)
    tape, _ = play(core, draw(STEPS, BATCH, INPUT), recalled)
    before = [part.clone() for part in (tape.inputs, tape.cells, tape.hidden)]
    first, second = (gradients(core.replay(tape, recalled), list(core.parameters())) for _ in range(2))
    for one, other in zip([*first, tape.inputs, tape.cells, tape.hidden], [*second, *before], strict=True):
        assert torch.equal(one, other)


@CORES
@pytest.mark.parametrize("name", ["input_size", "hidden_size"])
def test_bad_sizes_are_named(factory: Factory, name: str) -> None:
    sizes = {"input_size": INPUT, "hidden_size": HIDDEN, name: 0}
    with pytest.raises(InputError, match=f"^{name} is 0"):
        factory(sizes["input_size"], True, hidden_size=sizes["hidden_size"])


def test_tanh_by_a_sigmoid() -> None:
    x = torch.linspace(-12, 12, 999)
    torch.testing.assert_close(tanh(x), x.tanh(), atol=3e-7, rtol=0)
