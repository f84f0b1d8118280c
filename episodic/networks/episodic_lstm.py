"""The episodic LSTM cell: an LSTM with a gate that lets a recalled cell state back in.

Ritter et al. 2018 (arXiv 1805.09692), equations 3-7, with i, f, o, r the input, forget, output and
reinstatement gates, all of `sigmoid(W x_t + U h_{t-1} + b)`, and g the candidate, `tanh` of the same:

    c_t = i*g + f*c_{t-1} + r*tanh(c_recalled)
    h_t = o*tanh(c_t)

Differs from the paper: the recalled state passes through a tanh, which bounds what a read can add.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from episodic.errors import require_positive


class LSTMState(NamedTuple):
    """Hidden and cell state, `[B, H]` each."""

    hidden: Tensor
    cell: Tensor


class EpisodicLSTMCell(nn.Module):
    """One step of the episodic LSTM, and the gradient of a whole episode that has been played.

    The weight's rows are the gates o, i, f, then r if there is one, then the candidate g, H rows each;
    its columns are the input's I and the hidden state's H.

    Args:
        input_size: length I of the input.
        hidden_size: length H of hidden and cell state.
        reinstatement: whether there is an r-gate; without it the cell is a plain LSTM cell.
        forget_bias: initial bias of the forget gate.
        reinstatement_bias: initial bias of the r-gate.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reinstatement: bool = True,
        forget_bias: float = 1.0,
        reinstatement_bias: float = 0.0,
    ) -> None:
        super().__init__()
        require_positive(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.reinstatement = input_size, hidden_size, reinstatement
        self.gates = 5 if reinstatement else 4
        self.weight = nn.Parameter(torch.empty(self.gates * hidden_size, input_size + hidden_size))
        self.bias = nn.Parameter(torch.zeros(self.gates * hidden_size))
        bound = 1 / math.sqrt(hidden_size)
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():
            self.bias[2 * hidden_size : 3 * hidden_size] = forget_bias
            if reinstatement:
                self.bias[3 * hidden_size : 4 * hidden_size] = reinstatement_bias

    def initial_state(self, batch_size: int) -> LSTMState:
        """A state of zeros."""
        zeros = self.weight.new_zeros(batch_size, self.hidden_size)
        return LSTMState(zeros, zeros)

    def forward(self, x: Tensor, state: LSTMState, recalled: Tensor | None = None) -> tuple[LSTMState, Tensor | None]:
        """One step, by autograd: x `[B, I]`, recalled cell state `[B, H]` -> next state, r-gate `[B, H]`.

        Without `recalled` nothing is reinstated; the r-gate is None where the cell has none.
        """
        step = torch.cat([x, state.hidden], dim=-1) @ self.weight.T + self.bias
        o, i, f, *r, g = step.chunk(self.gates, dim=-1)
        cell = torch.sigmoid(i) * torch.tanh(g) + torch.sigmoid(f) * state.cell
        gate = torch.sigmoid(r[0]) if r else None
        if gate is not None and recalled is not None:
            cell = cell + gate * torch.tanh(recalled)
        return LSTMState(torch.sigmoid(o) * torch.tanh(cell), cell), gate

    @torch.no_grad()
    def doubled(self) -> tuple[Tensor, Tensor]:
        """Transposed weight and bias with the candidate's rows doubled, as `begin_` wants them.

        Since tanh(x) = 2 sigmoid(2x) - 1, one sigmoid then serves all gates; on a CPU it costs a fifth of a tanh.
        """
        scale = self.bias.new_ones(self.bias.shape)
        scale[-self.hidden_size :] = 2
        return (self.weight * scale.unsqueeze(1)).T, self.bias * scale

    def begin_(
        self, weights: tuple[Tensor, Tensor], joint: Tensor, cell: Tensor, gates: Tensor, candidate: Tensor
    ) -> None:
        """The first half of a step without gradient: all but the recall, into memory that is there.

        Shapes: weights from `doubled()`, joint `[B, I + H]` (input and hidden state), cell `[B, H]` -> writes the
        gates, sigmoids all, into `gates` `[B, G * H]`, and the candidate cell state `i*g + f*c_{t-1}`, the next one
        if nothing is reinstated, into `candidate` `[B, H]`.
        """
        torch.addmm(weights[1], joint, weights[0], out=gates).sigmoid_()
        self._candidate(gates, cell, out=candidate)

    def _candidate(self, gates: Tensor, cell: Tensor, out: Tensor | None = None) -> Tensor:
        """`i*g + f*c_{t-1}` from gates `[..., G * H]` that are sigmoids all, and the cell state before them."""
        _, i, f, *_, g = gates.chunk(self.gates, dim=-1)
        return torch.mul(f, cell, out=out).addcmul_(i, g, value=2).sub_(i)

    def candidates(self, gates: Tensor, cells: Tensor) -> LSTMState:
        """The states, `[T, B, H]` each, that every step of an episode would have led to without its recall.

        Shapes: gates `[T, B, G * H]` of `begin_`, cells `[T + 1, B, H]` as they were, the recalls included.
        """
        cell = self._candidate(gates, cells[:-1])
        return LSTMState(gates[..., : self.hidden_size] * tanh(cell), cell)

    def finish_(self, gates: Tensor, squashed: Tensor | None, hidden: Tensor, cell: Tensor) -> None:
        """The second half of a step: gates and candidate cell state from `begin_`, and what was recalled.

        `squashed` `[B, H]` is the tanh of the recalled cell state, or None. Makes the candidate in `cell` the next
        cell state, and writes the next hidden state into `hidden`, `[B, H]` each.
        """
        o, _, _, *r, _ = gates.chunk(self.gates, dim=1)
        if squashed is not None:
            cell.addcmul_(r[0], squashed)
        torch.addcmul(o.neg(), o, (cell + cell).sigmoid_(), value=2, out=hidden)  # o * tanh(cell)

    def reinstatement_gate(self, gates: Tensor) -> Tensor | None:
        """The r-gate `[..., H]` among the gates `[..., G * H]` that `begin_` wrote; None where the cell has none."""
        return gates.chunk(self.gates, dim=-1)[3] if self.reinstatement else None

    def replay(self, joint: Tensor, cells: Tensor, gates: Tensor, recalled: Tensor | None) -> Tensor:
        """Hidden states, with their gradient, of an episode played by `begin_` and `finish_` with these very weights.

        Nothing is computed again: what the episode left behind is all that backpropagation needs.

        Shapes: joint `[T, B, I + H]` (input at t, hidden state before it), cells `[T + 1, B, H]` (before
        each step, and the last), gates `[T, B, G * H]`, recalled `[T, B, H]` or None -> hidden `[T, B, H]`. The
        gradient goes to the weights, to the input and to `recalled`; the state that the episode starts from
        gets none.
        """
        squashed = None
        if self.reinstatement:
            shape = (*joint.shape[:2], self.hidden_size)
            squashed = joint.new_zeros(shape) if recalled is None else tanh(recalled).expand(shape)
        hidden: Tensor = _Replay.apply(joint, cells, gates, squashed, self.weight, self.bias)
        return hidden


def tanh(x: Tensor) -> Tensor:
    """tanh by a sigmoid, to within 2e-7: several times quicker than `torch.tanh` on a CPU."""
    return torch.sigmoid(x + x).mul(2.0).sub(1.0)


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
