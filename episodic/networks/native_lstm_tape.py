"""The arithmetic of the episodic LSTM by native kernels: the twin of `lstm_tape`."""

from ctypes import byref
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from episodic.native import dense, kernels
from episodic.native.library import LSTM, Gradients
from episodic.networks.lstm_tape import LSTMTape
from episodic.networks.native_heads import PackedHeads


class NativeLSTMTape(LSTMTape):
    """An episode of the episodic LSTM that native kernels play and replay; arguments as those of `LSTMTape`."""

    #: The heads that played the episode, where it was played as a whole.
    heads: PackedHeads | None = None

    def prepare(self) -> None:
        core, library = self.core, kernels()
        self.packed = self.joint.new_empty(library.lstm_packed_size(core.input_size, self.size, core.gates))
        self.weights = core.weight.detach().contiguous(), core.bias.detach().contiguous()
        tensors = (*self.weights, self.packed, self.joint, self.cells, self.gates)
        self.steps, batch = self.gates.shape[:2]
        addresses = (tensor.data_ptr() for tensor in tensors)
        self.episode = LSTM(self.steps, batch, core.input_size, self.size, core.gates, *addresses)
        self.reference = byref(self.episode)
        self.begin_kernel, self.finish_kernel = library.lstm_begin, library.lstm_finish
        library.lstm_pack(self.reference)

    def begin(self, t: int) -> None:
        self.begin_kernel(self.reference, t)

    def finish(self, t: int, squashed: Tensor | None) -> Tensor:
        squashed = None if squashed is None else dense(squashed, self.cell_at[t + 1])
        self.finish_kernel(self.reference, t, None if squashed is None else squashed.data_ptr())
        return self.hidden_at[t]

    def replay(self, recalled: Tensor | None, inputs: Tensor | None) -> Tensor:
        core = self.core
        if not core.reinstatement:
            recalled = None
        hidden: Tensor = _Replay.apply(inputs, recalled, core.weight, core.bias, self)
        return hidden


class _Replay(torch.autograd.Function):
    """Backpropagation through time of the episodic LSTM in one call."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor | None, recalled: Tensor | None, weight: Tensor, bias: Tensor, tape: NativeLSTMTape
    ) -> Tensor:
        ctx.tape = tape
        ctx.save_for_backward(tape.joint_of(inputs), recalled, weight, bias)
        return tape.hidden.clone(memory_format=torch.contiguous_format)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        joint, recalled, _, _ = ctx.saved_tensors
        return (*backpropagate(ctx.tape, joint, recalled, gradients[0], *ctx.needs_input_grad[:2]), None)


def backpropagate(
    tape: NativeLSTMTape,
    joint: Tensor,
    recalled: Tensor | None,
    d_hidden: Tensor,
    through_inputs: bool,
    through_recalled: bool,
) -> tuple[Tensor | None, ...]:
    """Gradients by the inputs inside `joint`, by `recalled`, weight and bias, from those by the hidden states.

    Shapes: joint `[T, B, I + H]`, recalled and d_hidden `[T, B, H]`; the result's first is `[T, B, I]`.
    """
    joint, d_hidden = dense(joint, tape.joint[:-1]), dense(d_hidden, tape.cells[1:])
    steps, batch, columns = joint.shape
    d_weight, d_bias = (joint.new_empty(part.shape) for part in tape.weights)
    d_inputs = joint.new_empty(steps, batch, columns - tape.size) if through_inputs else None
    d_recalled = joint.new_empty(steps, batch, tape.size) if through_recalled and recalled is not None else None
    if recalled is not None:
        if recalled.stride(0) == 0:  # the same at all steps
            recalled = dense(recalled[0], tape.cells[0]).expand(steps, -1, -1)
        else:
            recalled = dense(recalled, tape.cells[1:])
    call = Gradients(
        joint.data_ptr(),
        recalled.data_ptr() if recalled is not None else None,
        recalled.stride(0) if recalled is not None else 0,
        d_hidden.data_ptr(),
        d_weight.data_ptr(),
        d_bias.data_ptr(),
        d_inputs.data_ptr() if d_inputs is not None else None,
        d_recalled.data_ptr() if d_recalled is not None else None,
    )
    kernels().lstm_gradients(tape.reference, byref(call))
    return d_inputs, d_recalled, d_weight, d_bias
