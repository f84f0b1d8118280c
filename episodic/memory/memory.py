"""The base of all episodic memories with slots."""

from abc import abstractmethod

import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.checks import check_finite, check_labels, check_vectors
from episodic.memory.kernels import inverse_norms
from episodic.memory.native_slots import native_write
from episodic.memory.recall import Recall
from episodic.memory.slots import Slots
from episodic.memory.stacks import StackedWrite, StackTable
from episodic.memory.store import Store


class Memory(Slots, Store):
    """Store keys, values and labels in slots, for each environment of a batch; subclasses define how a read answers.

    Without `stacks` every write takes a slot, and the oldest memory is dropped when all slots are full. With `stacks`
    a second write to a stack updates its slot.

    Reads and writes refuse wrong shapes and dtypes. NaN, infinite numbers and negative labels are refused on the CPU
    only, since looking for them would make a CUDA device wait. There, a NaN key hides
    other memories of its environment until it is overwritten. A NaN query recalls nothing on any device.

    Arguments are those of `Slots`.
    """

    @property
    def wants_returns(self) -> bool:
        return self.stacks is not None and self.stacks.rules.wants_returns

    @torch.no_grad()
    def write(
        self,
        key: Tensor,
        value: Tensor,
        label: Tensor | None = None,
        returns: Tensor | None = None,
        *,
        source: Tensor | None = None,
        stack: Tensor | None = None,
    ) -> None:
        """Store one memory in each environment. What is stored has no gradient to what it was computed from.

        Args:
            key: `[B, K]`.
            value: `[B, V]`.
            label: `[B]` long, 0 or more; None labels a memory by its slot's number.
            returns: `[B]`, return of the memory's episode; only the update rule `best_return` uses it.
            source: `[B, S]`, what the key was computed from; ignored unless the memory keeps sources.
            stack: `[B]` long, 0 or more: number that the stack is found by, instead of the label.

        Raises:
            InputError: a wrong shape or dtype, a missing argument that the memory needs, and on the CPU a number that
                is not finite or a negative label.
        """
        if native_write(self, key, value, label, source, stack):
            return
        keys, values, clock = self.keys, self.values, self.clock
        check_vectors("key", key, keys)
        check_vectors("value", value, values)
        check_finite("key", key)
        check_finite("value", value)
        if label is not None:
            check_labels("label", label, len(keys))
        if self.source_size:
            source = self._checked_source(source)
        if self.stacks is None:
            if stack is not None:
                raise InputError("stack is given to a memory without stacks: use StackMemory, or leave it out")
            slot = (clock % self.capacity).unsqueeze(1)
        else:
            new = StackedWrite(key, value, source if self.source_size else None)
            slot, (key, value, source) = self._to_stack(self.stacks, new, label, returns, stack)
        clock += 1  # in place; assigning to a buffer's attribute is slow
        row = self._rows(slot).squeeze(1)
        keys.view(-1, self.key_size).index_copy_(0, row, key)
        values.view(-1, self.value_size).index_copy_(0, row, value)
        self.key_scales.scatter_(1, slot, inverse_norms(key).unsqueeze(1))
        self.vacancy.scatter_(1, slot, 0.0)
        self.labels.scatter_(1, slot, slot if label is None else label.unsqueeze(1))
        if source is not None and self.source_size:
            self.sources.view(-1, self.source_size).index_copy_(0, row, source)
        self.written.scatter_(1, slot, clock.unsqueeze(1))

    def _checked_source(self, source: Tensor | None) -> Tensor:
        if source is None:
            raise InputError("source is None: this memory keeps sources, give what the key was computed from")
        check_vectors("source", source, self.sources)
        check_finite("source", source)
        return source

    def _to_stack(
        self, stacks: StackTable, new: StackedWrite, label: Tensor | None, returns: Tensor | None, stack: Tensor | None
    ) -> tuple[Tensor, StackedWrite]:
        """The slot `[B, 1]` of a write, and what the slot holds after it."""
        stacks.check(self.batch_size, label, returns, stack)
        number = label if stack is None else stack
        if stacks.rules.match_above is not None:
            slot, known = stacks.match(self.similarity(new.key), self.written)
        else:
            assert number is not None
            slot, known = stacks.find(number)
        stacks.touch(slot)
        stacks.numbers.scatter_(1, slot, slot if number is None else number.unsqueeze(1))
        if stacks.rules.replaces:
            return slot, new
        row = self._rows(slot).squeeze(1)
        stored = StackedWrite(
            self.keys.view(-1, self.key_size).index_select(0, row),
            self.values.view(-1, self.value_size).index_select(0, row),
            self.sources.view(-1, self.source_size).index_select(0, row) if self.source_size else None,
        )
        return slot, stacks.merge(slot, known, stored, new, returns)

    @abstractmethod
    def read(self, query: Tensor) -> Recall:
        """Recall by query `[B, K]`.

        Raises:
            InputError: a query of a wrong shape or dtype, or a read before `reset`.
        """
