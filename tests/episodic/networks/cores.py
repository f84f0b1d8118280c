"""What the tests of recurrent cores share: numbers, playing an episode, and an LSTM by autograd."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from episodic.networks.autograd_core import AutogradCore
from episodic.networks.core import Core, CoreState, Tape
from episodic.networks.episodic_lstm import EpisodicLSTM

INPUT, HIDDEN, BATCH, STEPS = 3, 4, 2, 5
C = TypeVar("C", bound=Core)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shaken(core: C) -> C:
    """The core in double precision, all weights and biases at random."""
    core = core.double()
    with torch.no_grad():
        for number, parameter in enumerate(core.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=10 + number))
    return core


def play(core: Core, inputs: Tensor, recalled: Tensor | None, last: Tape | None = None) -> tuple[Tape, list[CoreState]]:
    """Play inputs `[T, B, I]` with recalled states `[T, B, H]` -> tape, and the candidates of each step."""
    tape, candidates = core.tape(len(inputs), inputs.shape[1]), []
    if last is not None:
        core.carry(tape, last)
    for t, x in enumerate(inputs.detach()):
        tape.inputs[t] = x
        core.begin(tape, t)
        candidates.append(CoreState(core.candidate_hidden(tape, t).clone(), core.candidate_cell(tape, t).clone()))
        core.finish(tape, t, recalled[t].detach().tanh() if recalled is not None else None)
    return tape, candidates


def gradients(hidden: Tensor, wanted: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of a loss that weighs every step, row and unit in its own way."""
    loss = (hidden * draw(*hidden.shape, seed=9)).sum() + hidden.square().sum()
    return list(torch.autograd.grad(loss, wanted))


class SteppedLSTM(AutogradCore):
    """The episodic LSTM as a core that autograd differentiates, with the weights of another."""

    def __init__(self, lstm: EpisodicLSTM) -> None:
        super().__init__(lstm.input_size, lstm.reinstatement, lstm.hidden_size)
        self.lstm = lstm

    def step(self, x: Tensor, state: CoreState, squashed: Tensor | None) -> tuple[CoreState, Tensor | None]:
        after: tuple[CoreState, Tensor | None] = self.lstm(x, state, squashed)
        return after
