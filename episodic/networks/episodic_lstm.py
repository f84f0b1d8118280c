"""The episodic LSTM: an LSTM with a gate that lets a recalled cell state back in.

Ritter et al. 2018 (arXiv 1805.09692), equations 3-7, with i, f, o, r the input, forget, output and reinstatement gates,
all of `sigmoid(W x_t + U h_{t-1} + b)`, and g the candidate, `tanh` of the same:

    c_t = i*g + f*c_{t-1} + r*tanh(c_recalled)
    h_t = o*tanh(c_t)

Differs from the paper: the recalled state passes through a tanh, which bounds what a read can add.
"""

import math

import torch
from torch import Tensor, nn

from episodic.native import pick
from episodic.networks.core import Core, CoreState, Tape, tanh
from episodic.networks.lstm_tape import LSTMTape
from episodic.networks.native_lstm_tape import NativeLSTMTape


class EpisodicLSTM(Core):
    """An LSTM with a reinstatement gate, and its backpropagation through time written out.

    The weight's rows are the gates o, i, f, then r if there is one, then the candidate g, H rows each; its columns are
    the input's I and the hidden state's H.

    Args:
        input_size: length I of the input.
        reinstatement: whether there is an r-gate; without it the core is a plain LSTM.
        hidden_size: length H of hidden and cell state.
        forget_bias: initial bias of the forget gate.
        reinstatement_bias: initial bias of the r-gate.
        lasts: how long the state lasts, `episode` or `block`.

    >>> core = EpisodicLSTM(3, True, hidden_size=4)
    >>> tape = core.tape(steps=2, batch_size=5)
    >>> core.begin(tape, 0)
    >>> core.finish(tape, 0, torch.zeros(5, 4)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self,
        input_size: int,
        reinstatement: bool,
        *,
        hidden_size: int = 50,
        forget_bias: float = 1.0,
        reinstatement_bias: float = 0.0,
        lasts: str = "episode",
    ) -> None:
        super().__init__(input_size, reinstatement, hidden_size, lasts)
        self.gates = 5 if reinstatement else 4
        self.weight = nn.Parameter(torch.empty(self.gates * hidden_size, input_size + hidden_size))
        self.bias = nn.Parameter(torch.zeros(self.gates * hidden_size))
        bound = 1 / math.sqrt(hidden_size)
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():
            self.bias[2 * hidden_size : 3 * hidden_size] = forget_bias
            if reinstatement:
                self.bias[3 * hidden_size : 4 * hidden_size] = reinstatement_bias

    def forward(self, x: Tensor, state: CoreState, squashed: Tensor | None = None) -> tuple[CoreState, Tensor | None]:
        """One step by autograd, for tests and scripts: x `[B, I]` -> next state, r-gate `[B, H]` or None.

        `squashed` `[B, H]` is the tanh of the recalled cell state; without it nothing is reinstated.
        """
        step = torch.cat([x, state.hidden], dim=-1) @ self.weight.T + self.bias
        o, i, f, *r, g = step.chunk(self.gates, dim=-1)
        cell = torch.sigmoid(i) * torch.tanh(g) + torch.sigmoid(f) * state.cell
        gate = torch.sigmoid(r[0]) if r else None
        if gate is not None and squashed is not None:
            cell = cell + gate * squashed
        return CoreState(torch.sigmoid(o) * torch.tanh(cell), cell), gate

    def tape(self, steps: int, batch_size: int) -> LSTMTape:
        return pick(NativeLSTMTape, LSTMTape, like=self.weight)(self, steps, batch_size)

    @torch.no_grad()
    def carry(self, tape: Tape, last: Tape) -> None:
        assert isinstance(tape, LSTMTape)
        assert isinstance(last, LSTMTape)
        state, _ = self.forward(last.inputs[-1], CoreState(last.hidden[-1], last.cells[-1]))
        tape.joint[0, :, self.input_size :], tape.cells[0] = state.hidden, state.cell

    def restart(self, tape: Tape, other: Tape) -> None:
        assert isinstance(tape, LSTMTape)
        assert isinstance(other, LSTMTape)
        tape.joint[0, :, self.input_size :], tape.cells[0] = other.joint[0, :, self.input_size :], other.cells[0]

    @torch.no_grad()
    def join(self, first: Tape, inputs: Tensor, recalled: Tensor | None) -> Tape:
        joined = super().join(first, inputs, recalled)  # its gradient needs the gates of all steps
        for t in range(len(joined.hidden)):
            self.begin(joined, t)
            self.finish(joined, t, None if recalled is None else tanh(recalled[t]))
        return joined

    @torch.no_grad()
    def doubled(self) -> tuple[Tensor, Tensor]:
        """Transposed weight and bias with the candidate's rows doubled, so that one sigmoid serves all gates."""
        scale = self.bias.new_ones(self.bias.shape)
        scale[-self.hidden_size :] = 2
        return (self.weight * scale.unsqueeze(1)).T, self.bias * scale

    def begin(self, tape: Tape, t: int) -> None:
        assert isinstance(tape, LSTMTape)
        tape.begin(t)

    def candidate_cell(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, LSTMTape)
        return tape.cell_at[t + 1]

    def candidate_hidden(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, LSTMTape)
        return tape.gates[t, :, : self.hidden_size] * tanh(tape.cell_at[t + 1])

    def finish(self, tape: Tape, t: int, squashed: Tensor | None) -> Tensor:
        assert isinstance(tape, LSTMTape)
        return tape.finish(t, squashed)

    def candidates(self, tape: Tape) -> CoreState:
        assert isinstance(tape, LSTMTape)
        return tape.candidates()

    def gate(self, tape: Tape) -> Tensor | None:
        assert isinstance(tape, LSTMTape)
        return tape.gates.chunk(self.gates, dim=-1)[3] if self.reinstatement else None

    def replay(self, tape: Tape, recalled: Tensor | None, inputs: Tensor | None = None) -> Tensor:
        assert isinstance(tape, LSTMTape)
        return tape.replay(recalled, inputs)
