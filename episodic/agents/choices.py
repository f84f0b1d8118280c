"""The choices of an episode: an action drawn from the policy in each environment."""

from functools import cached_property

import torch
from torch import Tensor

from episodic.native import kernels
from episodic.networks.core import Tape
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.native_heads import PackedHeads


class Choices:
    """Chooses by the heads as they are now, and shows the core what was chosen.

    Args:
        heads: actor and critic.
        tape: of the episode, with a batch of B environments.
        uniform: `[T, B, A]`, uniform numbers u. `-log(-log u)` is Gumbel noise, and `argmax(logits + noise)` a draw
            from the policy. None takes the most probable action.
        feedback: whether the core sees its actions.
    """

    def __init__(self, heads: ActorCriticHeads, tape: Tape, uniform: Tensor | None, feedback: bool) -> None:
        steps, batch = tape.hidden.shape[:2]
        self.heads, self.tape, self.uniform, self.feedback = heads, tape, uniform, feedback
        self.taken = torch.empty(steps, batch, 1, dtype=torch.long, device=tape.hidden.device)
        self.prepare()

    @cached_property
    def taken_at(self) -> tuple[Tensor, ...]:
        """The actions `[B, 1]` of each step: views made once, as indexing would cost as much as the arithmetic."""
        return self.taken.unbind()

    def prepare(self) -> None:
        """Allocate the tensors that the steps need."""
        self.policy, self.input_at = self.heads.policy(), self.tape.inputs.unbind()
        self.noise = None if self.uniform is None else self.uniform.log().neg_().log_()  # minus Gumbel noise

    def choose(self, t: int, hidden: Tensor) -> Tensor:
        """Return the actions `[B, 1]` of step t, whose hidden state `[B, H]` is on the tape."""
        preference = torch.addmm(self.policy[1], hidden, self.policy[0])
        if self.noise is not None:
            preference -= self.noise[t]
        action = torch.argmax(preference, dim=1, keepdim=True, out=self.taken_at[t])
        if self.feedback:
            self.input_at[t + 1].scatter_(1, action, 1.0)
        return action


class NativeChoices(Choices):
    """Chooses by native kernels; the numbers of a hidden state lie side by side."""

    def prepare(self) -> None:
        tape, uniform = self.tape, self.uniform
        self.packed = PackedHeads(self.heads, tape.hidden)
        self.kernel, batch = kernels().choose, tape.hidden.shape[1]
        self.taken_from, self.taken_step = self.taken.data_ptr(), batch * self.taken.element_size()
        self.uniform_from, self.uniform_step = None, 0
        if uniform is not None:
            self.uniform_from, self.uniform_step = uniform.data_ptr(), uniform.stride(0) * uniform.element_size()
        inputs = tape.inputs
        self.inputs_from, self.inputs_step = inputs.data_ptr(), inputs.stride(0) * inputs.element_size()
        self.inputs_row = inputs.stride(1)

    def choose(self, t: int, hidden: Tensor) -> Tensor:
        heads = self.packed.structure
        heads.hidden, heads.hidden_row = hidden.data_ptr(), hidden.stride(0)
        self.kernel(
            self.packed.reference,
            0,
            None if self.uniform_from is None else self.uniform_from + t * self.uniform_step,
            self.taken_from + t * self.taken_step,
            self.inputs_from + (t + 1) * self.inputs_step if self.feedback else None,
            self.inputs_row,
        )
        return self.taken_at[t]
