"""What the memory is keyed by: the query of each step of an episode, and which of them are stored as keys."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from errors import require, require_choice
from networks.episodic_lstm import tanh
from tasks.blocks import BlockSpec

SOURCES = ("context", "input", "hidden", "label", "none")
STATES = ("cell", "hidden")
STORED = ("first", "last", "after_first_quarter", "all")
VALUES = ("final", "own")


@dataclass(frozen=True)
class KeySource:
    """Where queries and keys come from.

    A key is always the query that was searched with at the step that is stored.

    - `context`: the cue alone (Ritter et al. 2018); the same at every step.
    - `input`: the network's input at the step and the cue: previous action, previous reward, cue.
    - `hidden`: the state that the LSTM would have after the step if nothing were reinstated, so that a query knows
      of this step's input and, at an episode's first step, is a function of the input alone.
    - `label`: the context's label, one-hot: an upper bound. It wants a similarity threshold above 0, since without
      one the memory of another label is recalled at a first exposure.
    - `none`: the agent has no memory.

    Args:
        source: one of the above.
        state: of the source `hidden`, the `cell` state or the `hidden` state.
        stored: at an episode's end the `last` step's key is stored, or the `first` one's, or those of all steps
            `after_first_quarter`, or of `all`; only `last` where the key stays the same.
        value: what a stored key maps to, the episode's `final` cell state or the step's `own`.
        embed: applied to the query `[B, D]` of the sources `input` and `hidden` -> `[B, K]`.

    Raises:
        InputError: an unknown name; steps stored of a source whose key stays the same.
    """

    source: str = "context"
    state: str = "cell"
    stored: str = "last"
    value: str = "final"
    embed: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        require_choice("key_source", self.source, SOURCES)
        require_choice("key_state", self.state, STATES)
        require_choice("stored_states", self.stored, STORED)
        require_choice("stored_value", self.value, VALUES)
        require(
            self.every_step or self.stored == "last",
            f"stored_states is {self.stored!r}: with key_source {self.source}, whose key stays the same, "
            "it has to be 'last'",
        )

    @property
    def every_step(self) -> bool:
        """Whether the query changes from step to step."""
        return self.source in ("input", "hidden")

    def stored_steps(self, steps: int) -> range:
        """The steps, from 0, whose keys are stored."""
        spans = {
            "first": range(1),
            "last": range(steps - 1, steps),
            "after_first_quarter": range(steps // 4, steps),
            "all": range(steps),
        }
        return spans[self.stored]

    def size(self, *, actions: int, cue_size: int, hidden_size: int, label_count: int) -> int:
        """Length K of a key, before `embed`."""
        sizes = {
            "context": cue_size,
            "input": actions + 1 + cue_size,
            "hidden": hidden_size,
            "label": label_count,
            "none": cue_size,
        }
        return sizes[self.source]

    def constant_query(self, spec: BlockSpec, episode: int, label_count: int) -> Tensor:
        """The query `[B, K]` of a whole episode, for the sources `context` and `label`."""
        if self.source == "label":
            return torch.nn.functional.one_hot(spec.labels[episode], label_count).to(spec.cues.dtype)
        return spec.cues[episode]

    def step_query(self, feedback: Tensor, cue: Tensor, candidate: Tensor, output_gate: Tensor) -> Tensor:
        """The query `[B, K]` of one step, for the sources `input` and `hidden`.

        Shapes: feedback `[B, A + 1]` (previous action and reward), cue `[B, C]`, candidate cell state and output gate
        `[B, H]`.
        """
        if self.source == "input":
            query = torch.cat([feedback, cue], dim=1)
        elif self.state == "cell":
            query = candidate.clone()
        else:
            query = output_gate * tanh(candidate)
        return query if self.embed is None else self.embed(query)
