"""The episodic LSTM: an LSTM with a gate that lets a recalled cell state back in.

Ritter et al. 2018 (arXiv 1805.09692), equations 3-7, with i, f, o, r the input, forget, output and reinstatement gates,
all of `sigmoid(W x_t + U h_{t-1} + b)`, and g the candidate, `tanh` of the same:

    c_t = i*g + f*c_{t-1} + r*tanh(c_recalled)
    h_t = o*tanh(c_t)

Differs from the paper: the recalled state passes through a tanh, which bounds what a read can add.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from episodic.networks.core import Core, CoreState, Tape, tanh


class LSTMTape(Tape):
    """An episode of the episodic LSTM, in memory that is allocated once."""

    def __init__(self, core: "EpisodicLSTM", steps: int, batch_size: int) -> None:
        weight, size, columns = core.weight, core.hidden_size, core.input_size
        self.joint = torch.zeros(
            steps + 1, batch_size, columns + size, device=weight.device, dtype=weight.dtype
        )  # input, hidden before it
        self.cells = torch.zeros(steps + 1, batch_size, size, device=weight.device, dtype=weight.dtype)
        self.gates = torch.empty(steps, batch_size, core.gates * size, device=weight.device, dtype=weight.dtype)
        self.inputs, self.hidden = self.joint[:, :, :columns], self.joint[1:, :, columns:]
        # Views of each step, made once: indexing inside the loop would cost as much as the arithmetic.
        self.joint_at, self.cell_at, self.gates_at = self.joint.unbind(), self.cells.unbind(), self.gates.unbind()
        self.hidden_at, self.output_at = self.hidden.unbind(), self.gates[:, :, :size].unbind()
        self.weights = core.doubled()


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
        return LSTMTape(self, steps, batch_size)

    @torch.no_grad()
    def carry(self, tape: Tape, last: Tape) -> None:
        assert isinstance(tape, LSTMTape)
        assert isinstance(last, LSTMTape)
        state, _ = self.forward(last.inputs[-1], CoreState(last.hidden[-1], last.cells[-1]))
        tape.joint[0, :, self.input_size :], tape.cells[0] = state.hidden, state.cell

    @torch.no_grad()
    def doubled(self) -> tuple[Tensor, Tensor]:
        """Transposed weight and bias with the candidate's rows doubled.

        Since tanh(x) = 2 sigmoid(2x) - 1, one sigmoid then serves all gates; on a CPU it costs a fifth of a tanh.
        """
        scale = self.bias.new_ones(self.bias.shape)
        scale[-self.hidden_size :] = 2
        return (self.weight * scale.unsqueeze(1)).T, self.bias * scale

    def begin(self, tape: Tape, t: int) -> None:
        assert isinstance(tape, LSTMTape)
        weights, gates = tape.weights, tape.gates_at[t]
        torch.addmm(weights[1], tape.joint_at[t], weights[0], out=gates).sigmoid_()
        self._candidate(gates, tape.cell_at[t], out=tape.cell_at[t + 1])

    def _candidate(self, gates: Tensor, cell: Tensor, out: Tensor | None = None) -> Tensor:
        """`i*g + f*c_{t-1}` from gates `[..., G * H]` that are sigmoids all, and the cell state before them."""
        _, i, f, *_, g = gates.chunk(self.gates, dim=-1)
        return torch.mul(f, cell, out=out).addcmul_(i, g, value=2).sub_(i)

    def candidate_cell(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, LSTMTape)
        return tape.cell_at[t + 1]

    def candidate_hidden(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, LSTMTape)
        return tape.output_at[t] * tanh(tape.cell_at[t + 1])

    def finish(self, tape: Tape, t: int, squashed: Tensor | None) -> Tensor:
        assert isinstance(tape, LSTMTape)
        hidden, cell = tape.hidden_at[t], tape.cell_at[t + 1]
        o, _, _, *r, _ = tape.gates_at[t].chunk(self.gates, dim=1)
        if squashed is not None and r:
            cell.addcmul_(r[0], squashed)
        return torch.addcmul(o.neg(), o, (cell + cell).sigmoid_(), value=2, out=hidden)  # o * tanh(cell)

    def candidates(self, tape: Tape) -> CoreState:
        assert isinstance(tape, LSTMTape)
        cell = self._candidate(tape.gates, tape.cells[:-1])
        return CoreState(tape.gates[..., : self.hidden_size] * tanh(cell), cell)

    def gate(self, tape: Tape) -> Tensor | None:
        assert isinstance(tape, LSTMTape)
        return tape.gates.chunk(self.gates, dim=-1)[3] if self.reinstatement else None

    def replay(self, tape: Tape, recalled: Tensor | None, inputs: Tensor | None = None) -> Tensor:
        # Nothing is computed again: the tape holds all that backpropagation needs.
        assert isinstance(tape, LSTMTape)
        joint = tape.joint[:-1]
        if inputs is not None:
            joint = torch.cat([inputs, joint[..., self.input_size :]], dim=-1)
        squashed = None
        if self.reinstatement:
            shape = (*joint.shape[:2], self.hidden_size)
            squashed = joint.new_zeros(shape) if recalled is None else tanh(recalled).expand(shape)
        hidden: Tensor = _Replay.apply(joint, tape.cells, tape.gates, squashed, self.weight, self.bias)
        return hidden


class _Replay(torch.autograd.Function):
    """Backpropagation through time of the episodic LSTM, written out."""

    @staticmethod
    def forward(
        ctx: Any,
        joint: Tensor,
        cells: Tensor,
        gates: Tensor,
        squashed: Tensor | None,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        squashed_cell = tanh(cells[1:])
        ctx.save_for_backward(joint, cells, gates, squashed, squashed_cell, weight)
        return gates[..., : cells.shape[-1]] * squashed_cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        joint, cells, gates, squashed, squashed_cell, weight = ctx.saved_tensors
        steps, batch, columns = joint.shape
        size = cells.shape[-1]
        o, i, f, *r, half_candidate = gates.split(size, dim=-1)
        # Whatever does not wait for a later step is done for all steps at once. `slopes` begins as the
        # derivative of the cell (for o: of the hidden state) by the input of each gate; multiplied by the
        # gradient of the cell (of the hidden state) it becomes the gradient by that input.
        slopes = torch.addcmul(gates, gates, gates, value=-1)
        d_o, d_i, d_f, *d_r, d_g = slopes.split(size, dim=-1)
        d_o.mul_(squashed_cell)
        d_i.mul_(half_candidate.mul(2).sub_(1))
        d_f.mul_(cells[:-1])
        d_g.mul_(i).mul_(4)
        if d_r:
            d_r[0].mul_(squashed)
        output_slopes = torch.addcmul(o, o * squashed_cell, squashed_cell, value=-1).unbind()
        to_hidden = weight[:, columns - size :].contiguous()
        d_hidden = gradients[0].contiguous().unbind()
        d_cells = torch.empty_like(squashed_cell)
        d_cell_at, f_at, d_o_at, slopes_at = d_cells.unbind(), f.unbind(), d_o.unbind(), slopes.unbind()
        d_cell_inputs = slopes.view(steps, batch, -1, size)[:, :, 1:].unbind()

        carried = torch.zeros_like(d_cell_at[0])
        for t in range(steps - 1, -1, -1):
            dh = d_hidden[t] if t == steps - 1 else torch.addmm(d_hidden[t], slopes_at[t + 1], to_hidden)
            torch.addcmul(carried, dh, output_slopes[t], out=d_cell_at[t])
            d_o_at[t].mul_(dh)
            d_cell_inputs[t].mul_(d_cell_at[t].unsqueeze(1))
            torch.mul(d_cell_at[t], f_at[t], out=carried)

        flat = slopes.view(-1, slopes.shape[-1])
        d_weight = (joint.reshape(-1, columns).T @ flat).T  # this way round a quarter quicker
        d_joint = None
        if ctx.needs_input_grad[0]:
            d_joint = torch.zeros_like(joint)  # the hidden states inside `joint` are dealt with above
            d_joint[..., : columns - size] = slopes @ weight[:, : columns - size]
        d_squashed = d_cells * r[0] if r and ctx.needs_input_grad[3] else None
        return d_joint, None, None, d_squashed, d_weight, flat.sum(0)
