"""The reads and writes of an episode within the native call that plays it."""

from ctypes import addressof, c_int64, c_void_p
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from episodic.agents.episode_memory import EpisodeMemory
from episodic.agents.memory_plan import MemoryPlan, Read
from episodic.memory.memory import Memory
from episodic.memory.native_slots import empty_recall, replaces, served, slots_of
from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.recall import EMPTY
from episodic.native.library import MemoryCall, Write

#: Where queries come from, as the kernels number it.
GIVEN, INPUT, CELL, HIDDEN = range(4)
#: What a step does instead of a search, as the kernels number it.
KEEP, NOTHING = -1, -2


def native_memory(memory: EpisodeMemory) -> "NativeMemory | None":
    """Return the reads and writes of an episode for the kernels; None where they do not know the memory or its keys."""
    store = memory.store
    if not isinstance(store, NearestMemory) or store.neighbours > 1:
        return None
    own = type(store).read is not NearestMemory.read or type(store).write is not Memory.write
    if own or memory.embedder is not None or memory.memory.labeller is not None:
        return None
    spec = memory.spec
    given = [memory.context] if spec.keys is None else [memory.context, spec.keys]
    fit = _source(memory) != GIVEN or all(part.shape[-1] == store.key_size for part in given)  # others are refused
    labels = spec.labels if spec.key_labels is None else spec.key_labels
    if not (fit and labels.dtype is torch.long and replaces(store) and served(store, memory.cues, *given)):
        return None
    return NativeMemory(memory, store)


class NativeMemory:
    """What an episode reads and writes, in the layout of `kernels.cpp`.

    Args:
        memory: of the episode; it gets the queries and what was recalled.
        store: the agent's memory.
    """

    def __init__(self, memory: EpisodeMemory, store: NearestMemory) -> None:
        self.memory, self.store = memory, store
        plan, batch = memory.plan, store.batch_size
        source = _source(memory)
        if source != GIVEN:
            self._make_room(source, batch)
        queries = {t: memory.query(t).contiguous() for t in plan.needed}
        self.recall = empty_recall(store, len(plan.searches) + (not all(plan.made)), batch)
        if not all(plan.made):  # the last row is that of steps without a read
            for part, nothing in zip(self.recall, (0.0, EMPTY, float("-inf"), EMPTY), strict=True):
                part[-1] = nothing
        steps = len(plan.reads)
        reads = _numbers(plan)
        pointers = (c_void_p * steps)(*[queries[t].data_ptr() if t in queries else None for t in range(steps)])
        self.due = memory.due()
        writes = (Write * len(self.due))(*[Write(write.after, *map(_address, write[1:])) for write in self.due])
        slots = slots_of(store, store.slack)
        self.structure = MemoryCall(
            addressof(slots),
            source,
            memory.memory.sizes.seen_size,
            addressof(reads),
            addressof(pointers),
            *(part.data_ptr() for part in self.recall),
            len(writes),
            addressof(writes),
        )
        self.kept = queries, reads, pointers, writes, slots

    def _make_room(self, source: int, batch: int) -> None:
        """Room for queries that the kernel makes; their last numbers may be known, as those of the cue."""
        memory = self.memory
        room = self.store.keys.new_empty(len(memory.plan.needed), batch, self.store.key_size)
        for row, t in zip(room, memory.plan.needed, strict=True):
            if source == INPUT:
                row[:, memory.memory.sizes.seen_size :] = memory.cue(t)
            memory.queries[t] = row

    def finish(self, refused: int) -> None:
        """Hand over what was recalled; raise `InputError` for a write that was refused, if it is not -1."""
        if refused >= 0:
            write = self.due[refused]
            self.store.write(write.key, write.value, write.label, source=write.source)
        self.memory.recalled = self.recall


def _source(memory: EpisodeMemory) -> int:
    keys = memory.keys
    if keys.source == "hidden":
        return CELL if keys.state == "cell" else HIDDEN
    return INPUT if keys.source == "input" else GIVEN


def _address(part: Tensor | None) -> int | None:
    return None if part is None else part.data_ptr()


@lru_cache(maxsize=64)
def _numbers(plan: MemoryPlan) -> Any:
    """An array of what each step does; the kernels only read it."""
    return (c_int64 * len(plan.reads))(*map(_number, plan.reads, plan.goes_by))


def _number(read: Read, search: int) -> int:
    """What a step does: the number of its search, or what it does instead."""
    return search if read is Read.SEARCH else KEEP if read is Read.KEEP else NOTHING
