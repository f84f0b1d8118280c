"""The contents of a memory, as arrays to plot."""

from typing import NamedTuple

import torch
from torch import Tensor

#: Class of a slot whose class is not known.
UNKNOWN = -1
#: Slots that a plot can still tell apart, and t-SNE lays out in seconds.
SHOWN = 1000


class MemoryContents(NamedTuple):
    """N occupied slots of one environment, ordered by label and then by the time of writing; on the CPU."""

    keys: Tensor  # [N, K]
    values: Tensor  # [N, V]
    labels: Tensor  # [N] long
    best_arms: Tensor | None  # [N] long, UNKNOWN for labels that the block does not have; None for a task without arms
    centres: Tensor | None  # [C, K] of a memory that clusters its keys
    in_use: int  # occupied slots, of which N are shown
    capacity: int
    environment: int
    split: str

    @classmethod
    def from_slots(
        cls, keys: Tensor, values: Tensor, labels: Tensor, written: Tensor, *, environment: int = 0, split: str = ""
    ) -> "MemoryContents":
        """Collect the occupied slots of one environment, at most `SHOWN` of them, evenly spread by label and time.

        The arguments are buffers of a memory: `memory.keys[0]`, `memory.values[0]`, `memory.labels[0]` and
        `memory.written[0]` of environment 0.

        Args:
            keys: `[N, K]`.
            values: `[N, V]`.
            labels: `[N]` long.
            written: `[N]` long, the time of a slot's last write, from 1; 0 for a free slot.
            environment: named in titles.
            split: named in titles.

        >>> slots = torch.eye(3), torch.zeros(3, 1), torch.tensor([4, 2, -1]), torch.tensor([1, 2, 0])
        >>> contents = MemoryContents.from_slots(*slots)
        >>> contents.labels.tolist(), contents.in_use, contents.capacity
        ([2, 4], 2, 3)
        """
        occupied = _in_order(labels, written)
        slots = occupied
        if len(occupied) > SHOWN:
            slots = occupied[torch.arange(SHOWN, device=occupied.device) * len(occupied) // SHOWN]
        return cls(
            keys=keys[slots].cpu(),
            values=values[slots].cpu(),
            labels=labels[slots].cpu(),
            best_arms=None,
            centres=None,
            in_use=len(occupied),
            capacity=len(labels),
            environment=environment,
            split=split,
        )

    @property
    def title(self) -> str:
        """A line that describes the memory, for a plot's title."""
        shown, labels = len(self.labels), len(self.labels.unique())
        some = f" ({shown} shown)" if shown < self.in_use else ""
        split = f"{self.split}, " if self.split else ""
        return (
            f"{split}environment {self.environment}: memory with {self.in_use} of {self.capacity} slots "
            f"in use{some}, {labels} label{'' if labels == 1 else 's'}"
        )


def _in_order(labels: Tensor, written: Tensor) -> Tensor:
    """The occupied slots, by label and then by the time of writing; labels and times `[N]`."""
    by_time = written.argsort(stable=True)
    by_time = by_time[written[by_time] > 0]
    return by_time[labels[by_time].argsort(stable=True)]
