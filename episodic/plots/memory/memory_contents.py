"""The contents of a memory, as arrays to plot."""

from typing import NamedTuple

from torch import Tensor

#: Class of a slot whose class is not known.
UNKNOWN = -1


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

    @property
    def title(self) -> str:
        """A line that says which memory this is, for a plot's title."""
        shown, labels = len(self.labels), len(self.labels.unique())
        some = f" ({shown} shown)" if shown < self.in_use else ""
        return (
            f"{self.split}, environment {self.environment}: memory with {self.in_use} of {self.capacity} slots "
            f"in use{some}, {labels} label{'' if labels == 1 else 's'}"
        )
