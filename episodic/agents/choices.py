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
        noise: `[T, B, A]`, minus Gumbel noise: `argmax(logits - noise)` is a draw from the policy. None takes the most
            probable action.
        feedback: whether the core sees its actions.
    """

    def __init__(self, heads: ActorCriticHeads, tape: Tape, noise: Tensor | None, feedback: bool) -> None:
        steps, batch = tape.hidden.shape[:2]
        self.heads, self.tape, self.noise, self.feedback = heads, tape, noise, feedback
        self.taken = torch.empty(steps, batch, 1, dtype=torch.long, device=tape.hidden.device)
        self.prepare()

    @cached_property
    def taken_at(self) -> tuple[Tensor, ...]:
        """The actions `[B, 1]` of each step: views made once, as indexing would cost as much as the arithmetic."""
        return self.taken.unbind()

    def prepare(self) -> None:
        """Make whatever the steps need."""
        self.policy, self.input_at = self.heads.policy(), self.tape.inputs.unbind()

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
        tape, noise = self.tape, self.noise
        self.packed = PackedHeads(self.heads, tape.hidden)
        self.noise = noise = None if noise is None else noise.contiguous()
        self.kernel, batch = kernels().choose, tape.hidden.shape[1]
        self.taken_from, self.taken_step = self.taken.data_ptr(), batch * self.taken.element_size()
        self.noise_from, self.noise_step = None, 0
        if noise is not None:
            self.noise_from, self.noise_step = noise.data_ptr(), noise.stride(0) * noise.element_size()
        inputs = tape.inputs
        self.inputs_from, self.inputs_step = inputs.data_ptr(), inputs.stride(0) * inputs.element_size()
        self.inputs_row = inputs.stride(1)

    def choose(self, t: int, hidden: Tensor) -> Tensor:
        heads = self.packed.structure
        heads.hidden, heads.hidden_row = hidden.data_ptr(), hidden.stride(0)
        self.kernel(
            self.packed.reference,
            0,
            None if self.noise_from is None else self.noise_from + t * self.noise_step,
            self.taken_from + t * self.taken_step,
            self.inputs_from + (t + 1) * self.inputs_step if self.feedback else None,
            self.inputs_row,
        )
        return self.taken_at[t]
