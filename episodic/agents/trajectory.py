"""What happened in an episode."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.memory.recall import Recall
from episodic.networks.core import Tape


class Reads(NamedTuple):
    """The reads of an episode of T steps."""

    queries: Tensor  # [T, B, K] what the memory was searched by
    recall: Recall  # [T, B, ...] what it gave back
    made: tuple[bool, ...]  # T entries: whether the step had a read; elsewhere query and recall are empty

    @property
    def outcome(self) -> tuple[Tensor, Tensor, Tensor]:
        """Recalled labels `[T, B]`, similarities `[T, B]`, and at which steps `[T]` bool a read was made."""
        made = torch.tensor(self.made, device=self.recall.label.device)
        return self.recall.label, self.recall.similarity, made


class Measures(Mapping[str, Tensor]):
    """What the task measures by name, computed when it is first asked for: a training does without.

    >>> list(Measures(lambda: {"regret": torch.zeros(1)}))
    ['regret']
    """

    def __init__(self, compute: Callable[[], dict[str, Tensor]]) -> None:
        self._compute = compute

    @cached_property
    def _values(self) -> dict[str, Tensor]:
        return self._compute()

    def __getitem__(self, name: str) -> Tensor:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Trajectory(NamedTuple):
    """What happened in one episode, time first: T steps, B environments."""

    tape: Tape  # the core's part: inputs, states, gates
    actions: Tensor  # [T, B] long
    rewards: Tensor  # [T, B]
    measures: Mapping[str, Tensor]  # what the task measures, [T, B] or [B] each, such as regret
    reads: Reads | None  # None without memory

    @property
    def hidden(self) -> Tensor:
        """Hidden states `[T, B, H]` after each step."""
        return self.tape.hidden

    @property
    def cells(self) -> Tensor:
        """Cell states `[T + 1, B, H]`, the one before the first step included."""
        return self.tape.cells
