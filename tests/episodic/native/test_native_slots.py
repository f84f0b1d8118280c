"""Reads and writes of a memory by native kernels, beside PyTorch's."""

from collections.abc import Callable

import pytest
import torch

from episodic.memory import EpisodicMemory, Memory, Recall, StackMemory
from tests.episodic.native.paths import both, needs_kernels

BATCH, CAPACITY, KEY, VALUE, WRITES = 5, 7, 10, 3, 12
MEMORIES: dict[str, Callable[[], Memory]] = {
    "append": lambda: EpisodicMemory(CAPACITY, KEY, VALUE),
    "threshold": lambda: EpisodicMemory(CAPACITY, KEY, VALUE, threshold=0.4),
    "highest threshold": lambda: EpisodicMemory(CAPACITY, KEY, VALUE, threshold=1.0),
    "slack": lambda: EpisodicMemory(CAPACITY, KEY, VALUE, slack=0.3),
    "l2": lambda: EpisodicMemory(CAPACITY, KEY, VALUE, kernel="l2", threshold=-1.5),
    "l1": lambda: EpisodicMemory(CAPACITY, KEY, VALUE, kernel="l1"),
    "stacks": lambda: StackMemory(CAPACITY, KEY, VALUE),
    "mean of stacks": lambda: StackMemory(CAPACITY, KEY, VALUE, update="mean"),
    "matched stacks": lambda: StackMemory(CAPACITY, KEY, VALUE, match_above=0.8),
    "long keys": lambda: EpisodicMemory(CAPACITY, 35, VALUE, kernel="l2"),
}


def use(memory: Memory, sources: bool) -> list[Recall]:
    """What is recalled while a memory fills and runs over; each key comes back exactly, and many tie."""
    generator = torch.Generator().manual_seed(1)
    memory.reset(BATCH)
    if sources:
        memory.keep_sources(2)
    codes = (torch.rand(BATCH, 4, memory.key_size, generator=generator) < 0.5).float() * 2 - 1
    recalls = []
    for step in range(WRITES):
        query = codes[:, step % 4] if step % 3 else torch.randn(BATCH, memory.key_size, generator=generator)
        recalls.append(memory.read(query))
        label = torch.randint(0, 10, (BATCH,), generator=generator)
        value, source = torch.randn(BATCH, VALUE, generator=generator), torch.randn(BATCH, 2, generator=generator)
        memory.write(codes[:, (step * step) % 4], value, label, source=source)
    return recalls


@needs_kernels
@pytest.mark.parametrize("sources", [False, True])
@pytest.mark.parametrize("build", MEMORIES.values(), ids=MEMORIES.keys())
def test_reads_and_writes_are_the_same(
    build: Callable[[], Memory], sources: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used() -> tuple[Memory, list[Recall]]:
        memory = build()
        return memory, use(memory, sources)

    (native, ours), (plain, theirs) = both(used, monkeypatch)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.label, other.label)
        assert torch.equal(one.slot, other.slot)
        torch.testing.assert_close(one.value, other.value)
        torch.testing.assert_close(one.similarity, other.similarity, rtol=1e-5, atol=1e-6)
    contents = dict(plain.named_buffers())
    for name, buffer in native.named_buffers():
        torch.testing.assert_close(buffer, contents[name])


@needs_kernels
def test_a_refused_write_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = EpisodicMemory(CAPACITY, KEY, VALUE)
    memory.reset(BATCH)
    key, value = torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite"):
            memory.write(key, value * bad)
    with pytest.raises(ValueError, match="0 or more"):
        memory.write(key, value, torch.tensor([0, 1, -2, 3, 4]))
    assert not memory.occupied.any()
