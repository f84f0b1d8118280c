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
    if not _served(memory, query):
        return None
    query = query.contiguous()
    batch = len(query)
    value, similarity = query.new_empty(batch, memory.value_size), query.new_empty(batch)
    label, slot = memory.labels.new_empty(batch), memory.labels.new_empty(batch)
    threshold = float("-inf") if memory.threshold is None else just_under(memory.threshold)
    kernels().recall(
        byref(_slots(memory)),
        NUMBERS[memory.kernel],
        query.data_ptr(),
        threshold,
        slack,
        value.data_ptr(),
        label.data_ptr(),
        similarity.data_ptr(),
        slot.data_ptr(),
    )
    if memory.stacks is not None:
        slots = slot.unsqueeze(1)
        memory.stacks.touch(slots.clamp_min(0), slots >= 0)
    return Recall(value, label, similarity, slot)


def native_write(
    memory: "Slots", key: Tensor, value: Tensor, label: Tensor | None, source: Tensor | None, stack: Tensor | None
) -> bool:
    """Store one memory in each environment; False where PyTorch has to do it, or to refuse it."""
    number = label if stack is None else stack
    stacks = memory.stacks
    if stacks is None:
        simple = stack is None
    else:
        simple = stacks.rules.replaces and stacks.rules.match_above is None and number is not None
    if not memory.source_size:
        source = None
    given = [part for part in (key, value, source) if part is not None]
    labels = [part for part in (label, number) if part is not None]
    tensors = all(isinstance(part, Tensor) for part in (*given, *labels))  # others are refused by `Memory.write`
    if not (simple and tensors and _served(memory, *given) and _fit(memory, key, value, source, labels)):
        return False
    parts = [None if part is None else part.contiguous() for part in (key, value, label, number, source)]
    addresses = [None if part is None else part.data_ptr() for part in parts]
    return bool(kernels().store_memory(byref(_slots(memory)), *addresses))


def _served(memory: "Slots", *given: Tensor) -> bool:
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


def _slots(memory: "Slots") -> MemorySlots:
    """The memory's contents as the kernels want them."""
    stacks = memory.stacks
    of_stacks = (None,) * 3 if stacks is None else (stacks.numbers, stacks.used, stacks.uses)
    contents = (
        *(memory.keys, memory.key_scales, memory.values, memory.sources if memory.source_size else None),
        *(memory.vacancy, memory.labels, memory.written, memory.clock),
        *of_stacks,
    )
    sizes = memory.batch_size, memory.capacity, memory.key_size, memory.value_size, memory.source_size
    return MemorySlots(*sizes, *(part if part is None else part.data_ptr() for part in contents))
