"""Examples drawn from a memory: from every slot that is taken, equally often, and from no other."""

import pytest
import torch

from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.sampling import draw_stored
from episodic.memory.stack_memory import StackMemory
from tests.episodic.memory.memory_oracle import DEVICES

BATCH, SLOTS = 3, 5


def build(device: str = "cpu") -> StackMemory:
    """A memory with 1, 2 and 3 slots taken in its three environments; each source names its environment and label."""
    memory = StackMemory(SLOTS, 2, 1).to(device)
    memory.keep_sources(2)
    memory.reset(BATCH)
    rows = torch.arange(BATCH, device=device)
    for time in range(3):
        label = time % (rows + 1)
        source = torch.stack([rows, label], dim=1).float()
        memory.write(torch.ones(BATCH, 2, device=device), torch.ones(BATCH, 1, device=device), label, source=source)
    return memory


@pytest.mark.parametrize("device", DEVICES)
def test_every_taken_slot_is_equally_likely(device: str) -> None:
    count = 6000
    sources, labels = draw_stored(build(device), count, torch.Generator().manual_seed(0))
    assert sources.shape == (count, 2)
    assert torch.equal(sources[:, 1].long(), labels)
    found = torch.bincount((sources[:, 0] * SLOTS + sources[:, 1]).long(), minlength=BATCH * SLOTS).view(BATCH, SLOTS)
    taken = torch.arange(SLOTS) < torch.arange(1, BATCH + 1).unsqueeze(1)
    assert not found.cpu()[~taken].any()
    expected, spread = count / 6, (count * 5 / 36) ** 0.5
    assert ((found.cpu()[taken] - expected).abs() < 5 * spread).all()


def test_the_generator_alone_decides() -> None:
    one, again, other = (draw_stored(build(), 20, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_memory_without_sources_is_refused() -> None:
    with pytest.raises(InputError, match=r"^the memory keeps no sources: there is nothing to draw"):
        draw_stored(EpisodicMemory(SLOTS, 2, 1), 3, torch.Generator())


def test_an_empty_memory_and_a_count_of_nothing_are_refused() -> None:
    memory = build()
    with pytest.raises(InputError, match=r"^count is 0"):
        draw_stored(memory, 0, torch.Generator())
    for batch in (BATCH, 0):
        memory.reset(batch)
        with pytest.raises(InputError, match=r"^the memory is empty: there is nothing to draw"):
            draw_stored(memory, 3, torch.Generator())
