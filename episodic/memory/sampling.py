"""What a memory holds, drawn at random: the examples that an encoder learns from."""

import torch
from torch import Tensor

from episodic.errors import require
from episodic.memory.episodic_memory import EpisodicMemory


def draw_stored(memory: EpisodicMemory, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sources `[M, S]` and labels `[M]` long of `count` M slots, with replacement, of all environments together.

    Every slot that is taken is equally likely. The device is not waited for.

    Args:
        memory: keeps sources, and holds something.
        count: how many.
        generator: on the CPU.

    Raises:
        InputError: the memory keeps no sources.
    """
    require(memory.source_size > 0, "the memory keeps no sources: there is nothing to draw, see keep_sources")
    counted = memory.occupied.flatten().cumsum(dim=0)  # of a taken slot, its place among them, from 1
    place = torch.rand(count, generator=generator, dtype=torch.float64).to(counted.device) * counted[-1]
    row = torch.searchsorted(counted, place.long() + 1)
    return memory.sources.view(-1, memory.source_size)[row], memory.labels.flatten()[row]
