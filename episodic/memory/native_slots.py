"""Reads and writes of a memory with few slots, in one native call each."""

from ctypes import byref
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from episodic.memory.neighbours import just_under
from episodic.memory.recall import Recall
from episodic.native import kernels, serves
from episodic.native.library import MemorySlots

if TYPE_CHECKING:
    from episodic.memory.slots import Slots

#: Slots above which PyTorch's batched products, by several threads, are as quick.
MOST_SLOTS = 1024
#: The similarities that the kernels know, as they number them.
NUMBERS = {"cosine": 0, "l2": 1, "l1": 2}


def native_recall(memory: "Slots", query: Tensor, slack: float) -> Recall | None:
    """Recall the nearest key, the newest among equals; None where PyTorch has to do it."""
    if not served(memory, query):
        return None
    query = query.contiguous()
    recall = empty_recall(memory, len(query))
    kernels().recall(byref(slots_of(memory, slack)), query.data_ptr(), *(part.data_ptr() for part in recall))
    return recall


def empty_recall(memory: "Slots", *shape: int) -> Recall:
    """Room for recalls `[..., B]`."""
    like, labels = memory.keys, memory.labels
    value, similarity = like.new_empty(*shape, memory.value_size), like.new_empty(shape)
    return Recall(value, labels.new_empty(shape), similarity, labels.new_empty(shape))


def native_write(
    memory: "Slots", key: Tensor, value: Tensor, label: Tensor | None, source: Tensor | None, stack: Tensor | None
) -> bool:
    """Store one memory in each environment; False where PyTorch has to do it, or to refuse it."""
    number = label if stack is None else stack
    simple = replaces(memory) and (stack is None if memory.stacks is None else number is not None)
    if not memory.source_size:
        source = None
    given = [part for part in (key, value, source) if part is not None]
    labels = [part for part in (label, number) if part is not None]
    tensors = all(isinstance(part, Tensor) for part in (*given, *labels))  # others are refused by `Memory.write`
    if not (simple and tensors and served(memory, *given) and _fit(memory, key, value, source, labels)):
        return False
    parts = [None if part is None else part.contiguous() for part in (key, value, label, number, source)]
    addresses = [None if part is None else part.data_ptr() for part in parts]
    return bool(kernels().store_memory(byref(slots_of(memory)), *addresses))


def replaces(memory: "Slots") -> bool:
    """Whether what is written stays as it is: there are no stacks, or they are found by label and replaced."""
    return memory.stacks is None or (memory.stacks.rules.replaces and memory.stacks.rules.match_above is None)


def served(memory: "Slots", *given: Tensor) -> bool:
    """Whether native kernels compute with this memory and what it is given."""
    keys = memory.keys
    alike = all(part.dtype is keys.dtype and part.is_cpu for part in given)
    return alike and memory.kernel in NUMBERS and memory.capacity <= MOST_SLOTS and serves(keys)


def _fit(memory: "Slots", key: Tensor, value: Tensor, source: Tensor | None, labels: list[Tensor]) -> bool:
    """Whether all shapes and dtypes are right, so that nothing has to be refused."""
    batch = memory.batch_size
    return (
        key.shape == (batch, memory.key_size)
        and value.shape == (batch, memory.value_size)
        and (source is not None and source.shape == (batch, memory.source_size)) == bool(memory.source_size)
        and all(label.shape == (batch,) and label.dtype is torch.long and label.is_cpu for label in labels)
    )


def slots_of(memory: "Slots", slack: float = 0.0) -> MemorySlots:
    """The memory's contents in the kernels' layout; a read with slack takes the newest of about equal keys."""
    stacks = memory.stacks
    of_stacks = (None,) * 3 if stacks is None else (stacks.numbers, stacks.used, stacks.uses)
    keys = memory.keys
    contents = (
        *(keys, memory.key_scales, memory.values, memory.sources if memory.source_size else None),
        *(memory.vacancy, memory.labels, memory.written, memory.clock),
        *of_stacks,
    )
    batch, capacity, key_size = keys.shape
    sizes = batch, capacity, key_size, memory.value_size, memory.source_size, NUMBERS[memory.kernel]
    threshold = float("-inf") if memory.threshold is None else just_under(memory.threshold)
    addresses = [None if part is None else part.data_ptr() for part in contents]
    return MemorySlots(*sizes, *addresses, threshold, slack)
