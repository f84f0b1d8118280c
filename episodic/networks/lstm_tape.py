"""An episode of the episodic LSTM, and the arithmetic of its steps and of its gradient in PyTorch."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from episodic.networks.core import CoreState, Tape, tanh

if TYPE_CHECKING:
    from episodic.networks.episodic_lstm import EpisodicLSTM


class LSTMTape(Tape):
    """An episode of the episodic LSTM, in memory that is allocated once.

    Since tanh(x) = 2 sigmoid(2x) - 1, all gates are sigmoids; on a CPU one costs a fifth of a tanh.

    Args:
        core: that plays the episode, with its weights as they are now.
        steps: of the episode.
        batch_size: number of environments.
    """

    def __init__(self, core: "EpisodicLSTM", steps: int, batch_size: int) -> None:
        weight, size, columns = core.weight, core.hidden_size, core.input_size
        self.core, self.size = core, size
        self.joint = torch.zeros(
            steps + 1, batch_size, columns + size, device=weight.device, dtype=weight.dtype
        )  # input, hidden before it
        self.cells = torch.zeros(steps + 1, batch_size, size, device=weight.device, dtype=weight.dtype)
        self.gates = torch.empty(steps, batch_size, core.gates * size, device=weight.device, dtype=weight.dtype)
        self.inputs, self.hidden = self.joint[:, :, :columns], self.joint[1:, :, columns:]
        self.prepare()

    # Views of each step, made once: indexing inside the loop would cost as much as the arithmetic.

    @cached_property
    def cell_at(self) -> tuple[Tensor, ...]:
        """Cell states `[B, H]` before each step and after the last."""
        return self.cells.unbind()

    @cached_property
    def hidden_at(self) -> tuple[Tensor, ...]:
        """Hidden states `[B, H]` after each step."""
        return self.hidden.unbind()

    def prepare(self) -> None:
        """Allocate the tensors that the steps need."""
        self.joint_at, self.gates_at = self.joint.unbind(), self.gates.unbind()
        self.weights = self.core.doubled()

    def begin(self, t: int) -> None:
        """Compute the gates of step t, and the cell state without reinstatement."""
        gates = self.gates_at[t]
        torch.addmm(self.weights[1], self.joint_at[t], self.weights[0], out=gates).sigmoid_()
        self.candidate(gates, self.cell_at[t], out=self.cell_at[t + 1])

    def finish(self, t: int, squashed: Tensor | None) -> Tensor:
        """Reinstate, and compute the hidden state `[B, H]` of step t."""
        hidden, cell = self.hidden_at[t], self.cell_at[t + 1]
        o, _, _, *r, _ = self.gates_at[t].chunk(self.core.gates, dim=1)
        if squashed is not None and r:
            cell.addcmul_(r[0], squashed)
        return torch.addcmul(o.neg(), o, (cell + cell).sigmoid_(), value=2, out=hidden)  # o * tanh(cell)

    def candidate(self, gates: Tensor, cell: Tensor, out: Tensor | None = None) -> Tensor:
        """`i*g + f*c_{t-1}` from gates `[..., G * H]` and the cell state before them."""
        _, i, f, *_, g = gates.chunk(self.core.gates, dim=-1)
        return torch.mul(f, cell, out=out).addcmul_(i, g, value=2).sub_(i)

    def candidates(self) -> CoreState:
        """The states `[T, B, H]` that every step would have led to without its own reinstatement."""
        cell = self.candidate(self.gates, self.cells[:-1])
        return CoreState(self.gates[..., : self.size] * tanh(cell), cell)

    def replay(self, recalled: Tensor | None, inputs: Tensor | None) -> Tensor:
        """The hidden states `[T, B, H]` with their gradient; see `Core.replay`."""
        # Nothing is computed again: the tape holds all that backpropagation needs.
        core, joint = self.core, self.joint_of(inputs)
        squashed = None
        if core.reinstatement:
            shape = (*joint.shape[:2], self.size)
            squashed = joint.new_zeros(shape) if recalled is None else tanh(recalled).expand(shape)
        hidden: Tensor = _Replay.apply(joint, self.cells, self.gates, squashed, core.weight, core.bias)
        return hidden

    def joint_of(self, inputs: Tensor | None) -> Tensor:
        """What the gates saw `[T, B, I + H]`, with the inputs that a gradient is wanted through, if any."""
        joint = self.joint[:-1]
        return joint if inputs is None else torch.cat([inputs, joint[..., self.core.input_size :]], dim=-1)


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
