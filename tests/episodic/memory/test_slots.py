"""The contents of a memory: allocated, cleared, saved, loaded, and keys computed anew."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.stack_memory import StackMemory
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.memory.memory_play import (
    BATCH,
    KEY,
    VALUE,
    assert_same,
    assert_same_state,
    build,
    fill,
)

KINDS = [EpisodicMemory, StackMemory]

#: Each needs another part of the state to go on as if it had not been saved.
SAVED: dict[str, tuple[type[NearestMemory], dict[str, Any]]] = {
    "append": (EpisodicMemory, {}),
    "learned query": (EpisodicMemory, {"neighbours": 3, "learned_query": True}),
    "stack": (StackMemory, {}),
    "mean": (StackMemory, {"update": "mean"}),
    "best return": (StackMemory, {"update": "best_return"}),
    "by key": (StackMemory, {"update": "ema", "match_above": 0.45}),
    "learned query of stacks": (StackMemory, {"update": "average", "neighbours": 3, "learned_query": True}),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("kind", "options"), SAVED.values(), ids=SAVED.keys())
@pytest.mark.parametrize("batch_before", [None, 1, BATCH])
def test_state_dict_round_trip(
    kind: type[NearestMemory], options: dict[str, Any], batch_before: int | None, device: str
) -> None:
    saved = build(kind, device, **options)
    if saved.query_projection is not None:
        nn.init.normal_(saved.query_projection.weight, generator=torch.Generator(device).manual_seed(0))
    fill(saved, writes=9)
    loaded = build(kind, device, batch=0, **options)
    if batch_before is not None:
        loaded.reset(batch_before)
    # Inside another module: the names then carry a prefix.
    nn.ModuleDict({"memory": loaded}).load_state_dict(nn.ModuleDict({"memory": saved}).state_dict())
    assert loaded.batch_size == BATCH
    assert_same_state(saved, loaded)
    # The dropped memory depends on ages and cursors, an updated stack on counts and returns.
    for seed in range(3):
        fill(saved, writes=2, seed=seed)
        fill(loaded, writes=2, seed=seed)
        query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(seed)).to(device)
        assert_same(saved.read(query), loaded.read(query))
        assert_same_state(saved, loaded)


def test_loading_copies() -> None:
    saved, loaded = build(), build(batch=0)
    fill(saved, writes=2)
    loaded.load_state_dict(saved.state_dict())
    before = loaded.keys.clone()
    fill(saved, writes=3, seed=1)
    assert torch.equal(loaded.keys, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [BATCH, 2])
def test_reset_forgets_everything(kind: type[NearestMemory], batch: int) -> None:
    options: dict[str, Any] = {"update": "best_return"} if kind is StackMemory else {}  # uses every buffer
    memory, fresh = build(kind, **options), build(kind, batch=batch, **options)
    fill(memory, writes=7)
    assert all(buffer.ne(0).any() for name, buffer in memory.named_buffers() if name != "vacancy")
    memory.reset(batch)
    assert_same_state(memory, fresh)


@pytest.mark.parametrize("kind", KINDS)
def test_reset_to_the_same_size_keeps_the_storage(kind: type[NearestMemory]) -> None:
    memory = build(kind)
    before = {name: buffer.data_ptr() for name, buffer in memory.named_buffers()}
    fill(memory, writes=7)
    memory.reset(BATCH)
    assert {name: buffer.data_ptr() for name, buffer in memory.named_buffers()} == before


@pytest.mark.parametrize("kind", KINDS)
def test_reset_to_nothing_gives_the_storage_back(kind: type[NearestMemory]) -> None:
    memory = build(kind)
    memory.reset(0)
    assert memory.batch_size == 0
    assert sum(buffer.numel() for buffer in memory.buffers() if buffer.dim() > 0) == 0


def test_a_double_memory_stays_double_when_its_batch_changes() -> None:
    memory = build(StackMemory, update="mean").double()
    memory.reset(7)
    assert {buffer.dtype for buffer in memory.buffers()} == {torch.float64, torch.long}


def test_a_negative_batch_is_refused() -> None:
    with pytest.raises(InputError, match=r"^batch_size is -1"):
        build().reset(-1)


def test_writing_leaves_no_gradient_behind() -> None:
    memory = build()
    value = torch.ones(BATCH, VALUE, requires_grad=True)
    memory.write(torch.ones(BATCH, KEY, requires_grad=True), value, torch.zeros(BATCH, dtype=torch.long))
    assert not memory.read(torch.ones(BATCH, KEY)).value.requires_grad


def sources_of(seed: int, writes: int, size: int = 3) -> Tensor:
    return torch.randn(writes, BATCH, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_new_keys_are_what_the_function_gives_for_each_source(kind: type[NearestMemory], device: str) -> None:
    memory, wanted = build(kind, device), build(kind, device)
    memory.keep_sources(3)
    matrix = torch.randn(3, KEY, generator=torch.Generator().manual_seed(1)).to(device)
    other = torch.randn(3, KEY, generator=torch.Generator().manual_seed(2)).to(device)
    for time, source in enumerate(sources_of(0, writes=9).to(device)):
        value, label = torch.full((BATCH, VALUE), float(time), device=device), torch.full((BATCH,), time % 4).to(device)
        memory.write(source @ matrix, value, label, source=source)
        wanted.write(source @ other, value, label)
    memory.rekey(lambda sources: sources @ other)
    buffers = dict(memory.named_buffers())
    for name, buffer in wanted.named_buffers():
        torch.testing.assert_close(buffers[name], buffer)
    query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(3)).to(device)
    assert torch.equal(memory.read(query).slot, wanted.read(query).slot)


@pytest.mark.parametrize(
    ("update", "expected"), [("latest", 2.0), ("mean", 1.0), ("average", 1.0), ("best_return", 1.0)]
)
def test_the_source_of_a_stack_follows_the_rule_of_its_keys(update: str, expected: float) -> None:
    memory = build(StackMemory, update=update)
    memory.keep_sources(1)
    for time, earned in enumerate((0.0, 5.0, 1.0)):
        memory.write(
            torch.ones(BATCH, KEY),
            torch.zeros(BATCH, VALUE),
            torch.zeros(BATCH, dtype=torch.long),
            torch.full((BATCH,), earned),
            source=torch.full((BATCH, 1), float(time)),
        )
    assert memory.sources[:, 0, 0].tolist() == [expected] * BATCH


def test_sources_are_saved_and_forgotten_with_the_rest() -> None:
    saved, loaded = build(), build()
    for memory in (saved, loaded):
        memory.keep_sources(3)
    saved.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), source=sources_of(0, writes=1)[0])
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.sources[:, 0], sources_of(0, writes=1)[0])
    loaded.reset(BATCH)
    assert not loaded.sources.any()


def test_bad_use_of_sources_is_named() -> None:
    memory = build()
    with pytest.raises(InputError, match=r"^the memory keeps no sources"):
        memory.rekey(lambda sources: sources)
    with pytest.raises(InputError, match=r"^size is 0"):
        memory.keep_sources(0)
    memory.keep_sources(3)
    with pytest.raises(InputError, match=r"^source is None: this memory keeps sources"):
        memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE))
    with pytest.raises(InputError, match=r"^source has shape \(4, 2\): it must be \(4, 3\)"):
        memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), source=torch.ones(BATCH, 2))
    with pytest.raises(InputError, match=r"^function returns keys of shape \(20, 3\): they must be \(20, 6\)"):
        memory.rekey(lambda sources: sources)
    assert not memory.clock.any()
