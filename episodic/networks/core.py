"""The core seam: the recurrent network of an agent, played step by step and replayed with its gradient."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from episodic.errors import require, require_choice, require_positive

#: How long a core's state lasts.
LASTS = ("episode", "block")


class CoreState(NamedTuple):
    """Hidden state, which the heads read, and cell state, which the memory stores; `[..., H]` each."""

    hidden: Tensor
    cell: Tensor


class Tape(ABC):
    """What one episode of T steps leaves behind: all that its gradient needs."""

    inputs: Tensor  # [T + 1, B, I], zeros at first; the player fills in row t before step t
    cells: Tensor  # [T + 1, B, H], the state before the first step included
    hidden: Tensor  # [T, B, H] after each step


class Core(nn.Module, ABC):
    """A recurrent network with a gate that lets a recalled cell state back in (reinstatement).

    An episode is played without gradient: `tape` makes room for it, and every step is `begin`, then, where the agent
    has a memory, a read, then `finish`. `replay` then gives the episode's hidden states with their gradient.

    The state lasts for an `episode`, and each starts from zeros, or for a `block`: then `carry` starts an episode from
    the state that the last one led to, and the core itself can remember what happened in earlier episodes.

    A subclass calls this constructor and has `(input_size, reinstatement, *, own options)` as its own arguments, so
    that a config can name it by `class_path`.

    Args:
        input_size: length I of the input.
        reinstatement: whether the core has a reinstatement gate; an agent with a memory needs one.
        hidden_size: length H of hidden and cell state.
        lasts: how long the state lasts, `episode` or `block`.

    Raises:
        InputError: a size that is not positive, an unknown span, `block` for a core without `carry` and `restart`.
    """

    def __init__(self, input_size: int, reinstatement: bool, hidden_size: int, lasts: str = "episode") -> None:
        super().__init__()
        require_positive(input_size=input_size, hidden_size=hidden_size)
        require_choice("core.lasts", lasts, LASTS)
        missing = [name for name in ("carry", "restart") if getattr(type(self), name) is getattr(Core, name)]
        require(
            lasts == "episode" or not missing,
            f"core.lasts is block: {type(self).__name__} must define {' and '.join(missing)}, or lasts be episode",
        )
        self.lasts = lasts
        self.input_size, self.reinstatement, self.hidden_size = input_size, reinstatement, hidden_size

    @abstractmethod
    def tape(self, steps: int, batch_size: int) -> Tape:
        """Make room for an episode that starts from a state of zeros, with the weights as they are now."""

    def carry(self, tape: Tape, last: Tape) -> None:
        """Start an episode from the state that the last one of its block led to, with the weights as they are now.

        That state includes the outcome of the last step: action, reward and observation in the last row of
        `last.inputs`, which no step has seen. It is taken over without a gradient. A core whose state may last for a
        block defines this method; it is called before the first step.
        """
        raise NotImplementedError(f"{type(self).__name__}.carry, as its state lasts for a block")

    def restart(self, tape: Tape, other: Tape) -> None:
        """Start an episode from the state that another one started from.

        A core whose state may last for a block defines this method; it is called before the first step.
        """
        raise NotImplementedError(f"{type(self).__name__}.restart, as its state lasts for a block")

    def join(self, first: Tape, inputs: Tensor, recalled: Tensor | None) -> Tape:
        """Return consecutive episodes of a block as one long episode, to be replayed with a gradient through all.

        Each of N episodes has one more step in it, on the outcome of its last action, as `carry` makes it.

        Args:
            first: the first episode's tape.
            inputs: `[N * (T + 1), B, I]` of all episodes, outcomes included.
            recalled: `[N * (T + 1), B, H]` recalled cell states, zero where nothing was recalled; None without memory.
        """
        joined = self.tape(len(inputs), inputs.shape[1])
        joined.inputs[:-1] = inputs.detach()
        self.restart(joined, first)
        return joined

    @abstractmethod
    def begin(self, tape: Tape, t: int) -> None:
        """Carry out the first half of step t: everything but the reinstatement."""

    @abstractmethod
    def candidate_cell(self, tape: Tape, t: int) -> Tensor:
        """Return the cell state `[B, H]` that step t leads to if nothing is reinstated.

        Call it between `begin` and `finish`, which may overwrite the result.
        """

    @abstractmethod
    def candidate_hidden(self, tape: Tape, t: int) -> Tensor:
        """Return the hidden state `[B, H]` that step t leads to if nothing is reinstated, as `candidate_cell` does."""

    @abstractmethod
    def finish(self, tape: Tape, t: int, squashed: Tensor | None) -> Tensor:
        """Carry out the second half of step t and return the hidden state `[B, H]`.

        `squashed` `[B, H]` is the tanh of the recalled cell state; None reinstates nothing.
        """

    @abstractmethod
    def replay(self, tape: Tape, recalled: Tensor | None, inputs: Tensor | None = None) -> Tensor:
        """Return the hidden states `[T, B, H]` of a played episode, with their gradient.

        Args:
            tape: of the episode, played with these very weights.
            recalled: `[T, B, H]` recalled cell states, zero where nothing was recalled; they may have a gradient.
            inputs: `[T, B, I]`, equal to the tape's, through which a gradient is wanted; None needs none.
        """

    @abstractmethod
    def candidates(self, tape: Tape) -> CoreState:
        """Return the states `[T, B, H]` that every step would have led to without its own reinstatement."""

    @abstractmethod
    def gate(self, tape: Tape) -> Tensor | None:
        """Return the reinstatement gate `[T, B, H]` of a played episode; None for a core without one."""


#: Builds a core from its input size and whether it has a reinstatement gate.
CoreFactory = Callable[[int, bool], Core]


def tanh(x: Tensor) -> Tensor:
    """tanh by a sigmoid, to within 2e-7: several times quicker than `torch.tanh` on a CPU."""
    return torch.sigmoid(x + x).mul(2.0).sub(1.0)
