"""The append memory against lists, one environment at a time."""

from typing import Any

import pytest
import torch

from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.memory.memory_play import (
    BATCH,
    CAPACITY,
    KEY,
    SLACKS,
    THRESHOLDS,
    VALUE,
    build,
    build_lists,
    fill,
    play,
)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("barcodes", [False, True], ids=["gaussian", "barcodes"])
@pytest.mark.parametrize("thresholded", [False, True], ids=["any", "threshold"])
@pytest.mark.parametrize("reads", ["nearest", "slack", "softmax", "inverse_distance"])
@pytest.mark.parametrize("kernel", ["cosine", "l2", "l1"])
def test_random_operations_equal_lists(kernel: str, reads: str, thresholded: bool, barcodes: bool, device: str) -> None:
    options: dict[str, Any] = {"kernel": kernel, "threshold": THRESHOLDS[kernel] if thresholded else None}
    if reads == "slack":
        options["slack"] = SLACKS[kernel]
    elif reads != "nearest":
        options |= {"neighbours": 3, "weighting": reads, "temperature": 0.25 if barcodes else 1.0}
    memory, lists = build(device=device, **options), build_lists(**options)
    play(memory, lists, f"{kernel} {reads} {thresholded} {barcodes}", barcodes)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize(("key_size", "capacity"), [(50, 13), (64, 37), (128, 100)])
def test_newest_wins_where_one_key_is_stored_many_times(
    key_size: int, capacity: int, neighbours: int, device: str
) -> None:
    # At these sizes a matrix product gives the same key other last bits in other slots.
    generator = torch.Generator().manual_seed(0)
    key, other = torch.randn(2, 16, key_size, generator=generator).to(device)
    memory = EpisodicMemory(capacity, key_size, 1, neighbours=neighbours).to(device)
    memory.reset(16)
    for time in range(capacity):
        stamp = torch.full((16,), time, device=device)
        memory.write(other if time % 3 == 2 else key, stamp.unsqueeze(1).float(), stamp)
    newest = max(time for time in range(capacity) if time % 3 != 2)
    assert memory.read(key).label.tolist() == [newest] * 16


def test_the_oldest_is_dropped_though_it_was_just_read() -> None:
    memory = build(batch=1)
    for time in range(CAPACITY):
        memory.write(torch.eye(KEY)[time : time + 1], torch.full((1, VALUE), float(time)), torch.tensor([time]))
    assert memory.read(torch.eye(KEY)[:1]).label.tolist() == [0]
    memory.write(torch.eye(KEY)[5:], torch.zeros(1, VALUE), torch.tensor([5]))
    assert sorted(memory.labels[0].tolist()) == [1, 2, 3, 4, 5]


def test_a_label_that_returns_takes_another_slot() -> None:
    memory = build(batch=1)
    for _ in range(3):
        memory.write(torch.ones(1, KEY), torch.ones(1, VALUE), torch.tensor([7]))
    assert memory.occupied.sum() == 3


def test_without_labels_memories_are_labelled_by_their_slots() -> None:
    memory = build()
    for time in range(CAPACITY + 2):
        memory.write(torch.eye(KEY)[time % KEY].expand(BATCH, KEY), torch.zeros(BATCH, VALUE))
        recall = memory.read(torch.eye(KEY)[time % KEY].expand(BATCH, KEY))
        assert recall.label.tolist() == recall.slot.tolist() == [time % CAPACITY] * BATCH


def test_it_has_no_stacks_and_no_state_of_them() -> None:
    memory = build()
    assert memory.stacks is None
    assert not memory.by_label
    names = ["clock", "key_scales", "keys", "labels", "vacancy", "values", "written"]
    assert sorted(memory.state_dict()) == names
    fill(memory, writes=3)
    before = {name: buffer.clone() for name, buffer in memory.named_buffers()}
    with pytest.raises(InputError, match=r"^stack is given to a memory without stacks"):
        memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), stack=torch.zeros(BATCH, dtype=torch.long))
    assert all(torch.equal(buffer, before[name]) for name, buffer in memory.named_buffers())
