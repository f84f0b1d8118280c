"""A base for cores that compute all steps of an episode at once when they learn."""

from abc import abstractmethod

import torch
from torch import Tensor

from episodic.errors import require
from episodic.networks.core import Core, CoreState, Tape


class SequenceTape(Tape):
    """An episode of a `SequenceCore`; a subclass adds what the core keeps of earlier steps.

    Hidden and cell state are the same numbers.
    """

    def __init__(self, core: "SequenceCore", steps: int, batch_size: int) -> None:
        zeros = next(core.parameters()).detach().new_zeros
        self.inputs = zeros(steps + 1, batch_size, core.input_size)
        self.cells = zeros(steps + 1, batch_size, core.hidden_size)
        self.hidden = self.cells[1:]


class SequenceCore(Core):
    """A core without reinstatement gate; a subclass computes one step, and all steps of an episode at once.

    A subclass also has `tape` and, for a state that lasts for a block, `carry` and `restart`.

    Args:
        input_size: length I of the input.
        reinstatement: must be false; the argument is there because every core has it.
        hidden_size: length H of the hidden state.
        lasts: how long the state lasts, `block` or `episode`.

    Raises:
        InputError: see `Core`; a reinstatement gate is asked for.
    """

    def __init__(self, input_size: int, reinstatement: bool, hidden_size: int, lasts: str) -> None:
        require(
            not reinstatement,
            f"core is a {type(self).__name__}, which cannot reinstate a recalled state: set memory to null, "
            "or core to EpisodicLSTM",
        )
        super().__init__(input_size, reinstatement, hidden_size, lasts)

    @abstractmethod
    def step(self, tape: Tape, t: int) -> Tensor:
        """Carry out step t of an episode without a gradient and return the hidden state `[B, H]`."""

    @abstractmethod
    def steps(self, tape: Tape, inputs: Tensor) -> Tensor:
        """Return the hidden states `[T, B, H]` of a played episode with their gradient, from inputs `[T, B, I]`."""

    def begin(self, tape: Tape, t: int) -> None:
        with torch.no_grad():
            tape.hidden[t] = self.step(tape, t)

    def candidate_cell(self, tape: Tape, t: int) -> Tensor:
        return tape.hidden[t]

    def candidate_hidden(self, tape: Tape, t: int) -> Tensor:
        return tape.hidden[t]

    def finish(self, tape: Tape, t: int, squashed: Tensor | None) -> Tensor:
        return tape.hidden[t]

    def replay(self, tape: Tape, recalled: Tensor | None, inputs: Tensor | None = None) -> Tensor:
        return self.steps(tape, tape.inputs[:-1] if inputs is None else inputs)

    def candidates(self, tape: Tape) -> CoreState:
        return CoreState(tape.hidden, tape.hidden)

    def gate(self, tape: Tape) -> None:
        return None
