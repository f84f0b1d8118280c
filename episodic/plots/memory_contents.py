"""What the memory of one environment holds, ready to be drawn."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.tasks.blocks import BlockSpec

UNKNOWN = -1
#: So many slots can still be told apart in a picture, and laid out in a few seconds.
SHOWN = 1000


class MemoryContents(NamedTuple):
    """The occupied slots of one environment, ordered by label and then by the time of writing; on the CPU.

    N slots are shown: all that are in use, or SHOWN of them, evenly by that order. `best_arms` is UNKNOWN where
    the block has no episode with the slot's label.
    """

    keys: Tensor  # [N, K]
    values: Tensor  # [N, V]
    labels: Tensor  # [N] long
    best_arms: Tensor  # [N] long
    centres: Tensor | None  # [C, K], of a memory that clusters its keys
    in_use: int
    capacity: int
    environment: int
    split: str

    @property
    def title(self) -> str:
        """Which memory this is, for the heading of a picture."""
        shown, labels = len(self.labels), len(self.labels.unique())
        some = f" ({shown} shown)" if shown < self.in_use else ""
        return (
            f"{self.split}, environment {self.environment}: memory with {self.in_use} of {self.capacity} slots "
            f"in use{some}, {labels} label{'' if labels == 1 else 's'}"
        )


@torch.no_grad()
def read_contents(memory: EpisodicMemory, spec: BlockSpec, environment: int, split: str) -> MemoryContents | None:
    """What `memory` holds for one environment after the block `spec`; None where it is reset to no environment.

    A memory that clusters its keys (`centres`) under the cosine kernel does so at unit length; its keys are
    then given at unit length too.

    Raises:
        InputError: an environment that the block does not have.
    """
    require_environment(environment, spec.batch_size, split)
    if memory.batch_size == 0:
        return None
    labels, written = memory.labels[environment], memory.written[environment]
    occupied = _in_order(labels, written)
    slots = _evenly(occupied, SHOWN)
    keys, centres = memory.keys[environment, slots], _centres(memory, environment)
    if centres is not None and memory.kernel == "cosine":
        keys = torch.nn.functional.normalize(keys, dim=-1)
    return MemoryContents(
        keys=keys.cpu(),
        values=memory.values[environment, slots].cpu(),
        labels=labels[slots].cpu(),
        best_arms=best_arms(labels[slots], spec, environment).cpu(),
        centres=centres,
        in_use=len(occupied),
        capacity=memory.capacity,
        environment=environment,
        split=split,
    )


def require_environment(environment: int, environments: int, split: str) -> None:
    """Raise `InputError` where blocks of that many environments do not have this one."""
    require(
        0 <= environment < environments,
        f"environment is {environment}: a {split} block has {environments} environments, 0 to {environments - 1}",
    )


def _in_order(labels: Tensor, written: Tensor) -> Tensor:
    """Occupied slots by label, then by the time of writing: `[N']` long of `[N]` labels and times."""
    by_time = written.argsort(stable=True)
    by_time = by_time[written[by_time] > 0]
    return by_time[labels[by_time].argsort(stable=True)]


def _evenly(slots: Tensor, most: int) -> Tensor:
    """At most so many of the slots, evenly spaced."""
    if len(slots) <= most:
        return slots
    return slots[torch.arange(most, device=slots.device) * len(slots) // most]


def _centres(memory: EpisodicMemory, environment: int) -> Tensor | None:
    centres = getattr(memory, "centres", None)
    if isinstance(centres, Tensor) and centres.dim() == 3 and len(centres) == memory.batch_size:
        return centres[environment].cpu()
    return None


def best_arms(labels: Tensor, spec: BlockSpec, environment: int) -> Tensor:
    """The best arm for each of the labels `[N]` -> `[N]` long.

    The first episode in which a label occurs says which context it is. UNKNOWN where it never occurs.
    """
    matches = labels.unsqueeze(1) == spec.labels[:, environment]  # [N, E]
    context = spec.rules.contexts[matches.long().argmax(dim=1), environment]  # argmax gives the first
    arm = spec.rules.probabilities[environment, context].argmax(dim=1)
    return torch.where(matches.any(dim=1), arm, UNKNOWN)
