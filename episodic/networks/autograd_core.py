"""A base for cores whose gradient autograd finds: a subclass writes one step."""

from abc import abstractmethod

import torch
from torch import Tensor

from episodic.networks.core import Core, CoreState, Tape, tanh


class AutogradTape(Tape):
    """An episode of an `AutogradCore`, step by step."""

    def __init__(self, inputs: Tensor, hidden_size: int) -> None:
        steps, batch = inputs.shape[0] - 1, inputs.shape[1]
        self.inputs = inputs
        self.cells = inputs.new_zeros(steps + 1, batch, hidden_size)
        self.states = inputs.new_zeros(steps + 1, batch, hidden_size)  # hidden states, the first one included
        self.hidden = self.states[1:]
        self.candidates: list[CoreState] = []
        self.gates: list[Tensor] = []

    def state(self, t: int) -> CoreState:
        """The state before step t, `[B, H]` each."""
        return CoreState(self.states[t], self.cells[t])


class AutogradCore(Core):
    """A core by plain autograd; a subclass has `step` and its parameters, and nothing else.

    Playing evaluates a step twice where something is reinstated, and `replay` evaluates all steps once more: about
    three times the work of a core with its own backward pass, such as `EpisodicLSTM`.
    """

    @abstractmethod
    def step(self, x: Tensor, state: CoreState, squashed: Tensor | None) -> tuple[CoreState, Tensor | None]:
        """One step by differentiable operations.

        Args:
            x: input `[B, I]`.
            state: before the step, `[B, H]` each.
            squashed: `[B, H]`, the tanh of the recalled cell state; None reinstates nothing.

        Returns:
            The state after the step, and the reinstatement gate `[B, H]` (None for a core without one).
        """

    def tape(self, steps: int, batch_size: int) -> AutogradTape:
        inputs = next(self.parameters()).new_zeros(steps + 1, batch_size, self.input_size)
        return AutogradTape(inputs.detach(), self.hidden_size)

    @torch.no_grad()
    def carry(self, tape: Tape, last: Tape) -> None:
        assert isinstance(tape, AutogradTape)
        assert isinstance(last, AutogradTape)
        state, _ = self.step(last.inputs[-1], last.state(-1), None)
        tape.states[0], tape.cells[0] = state.hidden, state.cell

    def restart(self, tape: Tape, other: Tape) -> None:
        assert isinstance(tape, AutogradTape)
        assert isinstance(other, AutogradTape)
        tape.states[0], tape.cells[0] = other.states[0], other.cells[0]

    @torch.no_grad()
    def begin(self, tape: Tape, t: int) -> None:
        assert isinstance(tape, AutogradTape)
        candidate, gate = self.step(tape.inputs[t], tape.state(t), None)
        tape.candidates.append(candidate)
        if gate is not None:
            tape.gates.append(gate)

    def candidate_cell(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, AutogradTape)
        return tape.candidates[t].cell

    def candidate_hidden(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, AutogradTape)
        return tape.candidates[t].hidden

    @torch.no_grad()
    def finish(self, tape: Tape, t: int, squashed: Tensor | None) -> Tensor:
        assert isinstance(tape, AutogradTape)
        state = tape.candidates[t]
        if squashed is not None and self.reinstatement:
            state, _ = self.step(tape.inputs[t], tape.state(t), squashed)
        tape.cells[t + 1], tape.states[t + 1] = state.cell, state.hidden
        return state.hidden

    def replay(self, tape: Tape, recalled: Tensor | None, inputs: Tensor | None = None) -> Tensor:
        assert isinstance(tape, AutogradTape)
        squashed = tanh(recalled) if recalled is not None and self.reinstatement else None
        inputs, state, hidden = tape.inputs if inputs is None else inputs, tape.state(0), []
        for t in range(len(tape.hidden)):
            state, _ = self.step(inputs[t], state, squashed[t] if squashed is not None else None)
            hidden.append(state.hidden)
        return torch.stack(hidden)

    def candidates(self, tape: Tape) -> CoreState:
        assert isinstance(tape, AutogradTape)
        hidden, cell = zip(*tape.candidates, strict=True)
        return CoreState(torch.stack(hidden), torch.stack(cell))

    def gate(self, tape: Tape) -> Tensor | None:
        assert isinstance(tape, AutogradTape)
        return torch.stack(tape.gates) if tape.gates else None
