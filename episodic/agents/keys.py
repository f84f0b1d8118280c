"""What the memory is keyed by: the query of each step of an episode, and which of them are stored as keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from episodic.errors import require, require_choice
from episodic.networks.episodic_lstm import tanh
from episodic.tasks.blocks import BlockSpec

SOURCES = ("context", "input", "hidden", "encoder", "label", "none")
STATES = ("cell", "hidden")
ENCODED = (*STATES, "cue")  # what an encoder may make keys of
STORED = ("first", "last", "after_first_quarter", "all")
VALUES = ("final", "own")
READS = ("every", "first")


class StateEncoder(Protocol):
    """What makes keys of LSTM states, pull by pull; `episodic.networks.hidden_state_embedder.HiddenStateEmbedder` is one."""

    embedding_size: int

    def initial_state(self, batch_size: int) -> Tensor | None:
        """What `step` carries over the pulls of an episode."""
        ...

    def step(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """States `[B, H]` of one pull and what was carried -> keys `[B, K]` and what to carry on."""
        ...


@dataclass(frozen=True)
class KeySource:
    """Where queries and keys come from.

    A key is always the query that was searched with at the step that is stored.

    - `context`: the cue alone (Ritter et al. 2018); the same at every step.
    - `input`: the network's input at the step and the cue: previous action, previous reward, cue.
    - `hidden`: the state that the LSTM would have after the step if nothing were reinstated, so that a query knows
      of this step's input and, at an episode's first step, is a function of the input alone.
    - `encoder`: what the encoder makes of that state, given those of the episode so far where it is recurrent; or of
      the cue alone.
    - `label`: the context's label, one-hot: an upper bound. It wants a similarity threshold above 0, since without
      one the memory of another label is recalled at a first exposure.
    - `none`: the agent has no memory.

    Args:
        source: one of the above.
        state: of the sources `hidden` and `encoder`, the `cell` state or the `hidden` state; of `encoder` also the
            `cue`, so that the network's states have no part in the key.
        stored: at an episode's end the `last` step's key is stored, or the `first` one's, or those of all steps
            `after_first_quarter`, or of `all`; only `last` where the key stays the same.
        value: what a stored key maps to, the episode's `final` cell state or the step's `own`.
        read_at: the memory is searched at `every` step, or at the `first` alone, whose recall is kept for the whole
            episode; where the key stays the same, this is all one.
        encoder: of the source `encoder`.
        stack_of: the stack that a key `[B, K]` belongs to, `[B]` long; None goes by the context's label.

    Raises:
        InputError: an unknown name; steps stored of a source whose key stays the same, or whose key is not searched
            with; the source `encoder` without an encoder.
    """

    source: str = "context"
    state: str = "cell"
    stored: str = "last"
    value: str = "final"
    read_at: str = "every"
    encoder: StateEncoder | None = None
    stack_of: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        require_choice("key_source", self.source, SOURCES)
        require_choice("key_state", self.state, ENCODED if self.source == "encoder" else STATES)
        require_choice("stored_states", self.stored, STORED)
        require_choice("stored_value", self.value, VALUES)
        require_choice("read_at", self.read_at, READS)
        require(
            self.changing or self.stored == "last",
            f"stored_states is {self.stored!r}: with key_source {self.source}, whose key stays the same, "
            "it has to be 'last'",
        )
        require(
            not self.changing or self.read_at == "every" or self.stored == "first",
            f"stored_states is {self.stored!r}: with read_at 'first', where later steps have no key, "
            "it has to be 'first'",
        )
        require(
            self.source != "encoder" or self.encoder is not None, "key_source is 'encoder': an encoder has to be given"
        )

    @property
    def changing(self) -> bool:
        """Whether the query changes from step to step."""
        return self.source in ("input", "hidden", "encoder")

    def searches(self, steps: int) -> int:
        """How many steps, from the first, search with a query of their own; 0 where one is there from the start."""
        if not self.changing:
            return 0
        return steps if self.read_at == "every" else 1

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
        """Length K of a key."""
        sizes = {
            "context": cue_size,
            "input": actions + 1 + cue_size,
            "hidden": hidden_size,
            "encoder": self.encoder.embedding_size if self.encoder is not None else 0,
            "label": label_count,
            "none": cue_size,
        }
        return sizes[self.source]

    def constant_query(self, spec: BlockSpec, episode: int, label_count: int) -> Tensor:
        """The query `[B, K]` of a whole episode, for the sources `context` and `label`."""
        if self.source == "label":
            return torch.nn.functional.one_hot(spec.labels[episode], label_count).to(spec.cues.dtype)
        return spec.cues[episode]

    def step_state(self, candidate: Tensor, output_gate: Tensor, cue: Tensor) -> Tensor:
        """What keys of the sources `hidden` and `encoder` are, or are made of.

        Shapes: candidate cell state and output gate `[B, H]`, cue `[B, C]` -> `[B, H]`, or `[B, C]` of the cue.
        """
        if self.state == "cue":
            return cue
        return candidate.clone() if self.state == "cell" else output_gate * tanh(candidate)
