"""A core by plain autograd: with the LSTM's step it is the episodic LSTM, tape and gradient included."""

import pytest
import torch

from episodic.networks.episodic_lstm import EpisodicLSTM
from tests.episodic.networks.cores import BATCH, HIDDEN, INPUT, STEPS, SteppedLSTM, draw, gradients, play, shaken


@pytest.mark.parametrize("with_recall", [True, False])
@pytest.mark.parametrize("reinstatement", [True, False])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_an_lstm_by_its_steps_equals_the_one_with_a_backward_pass_of_its_own(
    steps: int, reinstatement: bool, with_recall: bool
) -> None:
    lstm = shaken(EpisodicLSTM(INPUT, reinstatement, hidden_size=HIDDEN))
    inputs = draw(steps, BATCH, INPUT).requires_grad_()
    recalled = draw(steps, BATCH, HIDDEN, seed=5).requires_grad_() if with_recall else None
    wanted = [lstm.weight, lstm.bias, inputs]
    if recalled is not None and reinstatement:
        wanted.append(recalled)
    results = []
    for core in (lstm, SteppedLSTM(lstm)):
        tape, _ = play(core, inputs, recalled)
        hidden = core.replay(tape, recalled, inputs)
        gate = core.gate(tape)
        assert (gate is not None) == reinstatement
        played = [tape.inputs, tape.cells, tape.hidden, *core.candidates(tape), *([] if gate is None else [gate])]
        results.append([*played, hidden, *gradients(hidden, wanted)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("reinstatement", [True, False])
def test_they_agree_as_well_where_an_episode_goes_on_from_the_last_one(reinstatement: bool) -> None:
    lstm = shaken(EpisodicLSTM(INPUT, reinstatement, hidden_size=HIDDEN, lasts="block"))
    recalled = draw(STEPS, BATCH, HIDDEN, seed=5)
    results = []
    for core in (lstm, SteppedLSTM(lstm)):
        last, _ = play(core, draw(STEPS, BATCH, INPUT), recalled)
        last.inputs[-1] = draw(BATCH, INPUT, seed=6)
        inputs = draw(STEPS, BATCH, INPUT, seed=7).requires_grad_()
        tape, _ = play(core, inputs, recalled, last)
        assert (tape.cells[0] != 0).all()
        hidden = core.replay(tape, recalled, inputs)
        torch.testing.assert_close(hidden.detach(), tape.hidden)
        results.append([tape.cells, hidden, *gradients(hidden, [lstm.weight, lstm.bias, inputs])])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
