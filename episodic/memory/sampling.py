"""Random draws from the contents of a memory: the examples that an encoder learns from."""

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.memory.memory import Memory


def draw_stored(memory: Memory, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw `count` M stored memories of all environments together, with replacement.

    Every occupied slot is equally likely. The draw does not wait for a CUDA device.

    Args:
        memory: keeps sources, and holds at least one memory.
        count: number of draws M.
        generator: random generator on the CPU.

    Returns:
        Sources `[M, S]` and labels `[M]` long.

    Raises:
        InputError: the memory keeps no sources, or is empty (noticed on the CPU only), or a count below 1.
    """
    require(memory.source_size > 0, "the memory keeps no sources: there is nothing to draw, see keep_sources")
    require_positive(count=count)
    counted = memory.occupied.flatten().cumsum(dim=0)  # numbers the occupied slots from 1
    empty = len(counted) == 0 or (counted.is_cpu and int(counted[-1]) == 0)
    require(not empty, "the memory is empty: there is nothing to draw, write to it first")
    drawn = torch.rand(count, generator=generator, dtype=torch.float64).to(counted.device) * counted[-1]
    row = torch.searchsorted(counted, drawn.long() + 1)
    return memory.sources.view(-1, memory.source_size)[row], memory.labels.flatten()[row]
