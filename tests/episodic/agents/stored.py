"""Memories with something to learn from, and drawings."""

import torch
from torch import Tensor

from episodic.memory.episodic_memory import EpisodicMemory

BATCH, SLOTS, SIZE, LABELS, DRAWINGS = 4, 8, 5, 4, 3


def states(device: str = "cpu") -> EpisodicMemory:
    """A memory of states about a centre for each label; a slot is left free."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(LABELS, SIZE, generator=generator)
    memory = _empty(SIZE, device)
    for _ in range(SLOTS - 1):
        label = torch.randint(LABELS, (BATCH,), generator=generator)
        _write(memory, label, centres[label] + 0.1 * torch.randn(BATCH, SIZE, generator=generator))
    return memory


def drawn(device: str = "cpu", label: int | None = None) -> EpisodicMemory:
    """A memory of drawings' rows with their characters, or one and the same label; a slot is left free."""
    generator = torch.Generator().manual_seed(0)
    memory = _empty(1, device)
    for _ in range(SLOTS - 1):
        row = torch.randint(LABELS * DRAWINGS, (BATCH,), generator=generator)
        _write(memory, row // DRAWINGS if label is None else torch.full_like(row, label), row.float().unsqueeze(1))
    return memory


def _empty(source_size: int, device: str) -> EpisodicMemory:
    memory = EpisodicMemory(SLOTS, 3, 2).to(device)
    memory.keep_sources(source_size)
    memory.reset(BATCH)
    return memory


def _write(memory: EpisodicMemory, label: Tensor, source: Tensor) -> None:
    device = memory.keys.device
    key, value = torch.zeros(BATCH, 3, device=device), torch.zeros(BATCH, 2, device=device)
    memory.write(key, value, label.to(device), source=source.to(device))


def table() -> Tensor:
    """Drawings of each character about a picture of its own, `[LABELS * DRAWINGS, 28, 28]` uint8."""
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randint(200, (LABELS, 1, 28, 28), generator=generator)
    noise = torch.randint(56, (LABELS, DRAWINGS, 28, 28), generator=generator)
    return (pictures + noise).flatten(0, 1).to(torch.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
