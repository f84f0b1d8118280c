"""The episodic memory: keys, values and labels in slots, one memory for each environment of a batch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from errors import require, require_choice, require_positive
from memory.kernels import KERNELS, RANGES
from memory.neighbours import TIE, newest_nearest

EMPTY = -1


class Recall(NamedTuple):
    """What a read gives back; where nothing is recalled: value 0, label -1, slot -1.

    `similarity` is that of the nearest stored key even where it stays below the threshold, and `-inf`
    where the memory is empty.
    """

    value: Tensor  # [B, V]
    label: Tensor  # [B] long
    similarity: Tensor  # [B]
    slot: Tensor  # [B] long


class EpisodicMemory(nn.Module):
    """A differentiable-neural-dictionary-like store that is searched by key (Ritter et al. 2018, section 3).

    `append` is Ritter's memory: every write takes a slot and the oldest goes when all are full; among
    equally similar slots the newest wins. `stack` keeps one slot a label: a label met again is updated
    in place (by the rule `update`), a new one takes a free slot, and when there is none the least
    recently used (read or written) goes.

    With `neighbours` k > 1 the value is the mean of the k nearest, weighted by the softmax of their
    similarities, and label and slot are those of the nearest. With a `threshold`, keys less similar than
    that are not recalled.

    All state is in buffers, allocated by `reset(batch_size)`, saved together, and moved with the module.

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        kernel: `cosine`, `l2` or `l1` (the last two: minus the distance).
        organisation: `append` or `stack`.
        update: what a second write to a stack does; `latest` overwrites key and value.
        neighbours: how many stored keys a read looks at.
        threshold: lowest similarity that is recalled; None recalls the nearest whatever it is.

    Raises:
        InputError: a size below 1, an unknown name, a threshold outside the kernel's range.
    """

    keys: Tensor  # [B, N, K]
    key_norms: Tensor  # [B, N]
    values: Tensor  # [B, N, V]
    labels: Tensor  # [B, N] long, EMPTY where the slot is free
    written: Tensor  # [B, N] long, the time of the slot's last write, from 1; 0 where free
    used: Tensor  # [B, N] long, the time of the slot's last read or write, from 1; 0 where free
    clock: Tensor  # [B] long, writes made so far
    uses: Tensor  # [] long, reads and writes made so far

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        kernel: str = "cosine",
        organisation: str = "append",
        update: str = "latest",
        neighbours: int = 1,
        threshold: float | None = None,
    ) -> None:
        super().__init__()
        require_positive(capacity=capacity, key_size=key_size, value_size=value_size, neighbours=neighbours)
        require_choice("kernel", kernel, tuple(KERNELS))
        require_choice("organisation", organisation, ("append", "stack"))
        require_choice("update", update, ("latest",))
        require(
            neighbours <= capacity,
            f"neighbours is {neighbours}: it has to be at most the capacity, {capacity}",
        )
        if threshold is not None:
            low, high = RANGES[kernel]
            require(
                low <= threshold <= high,
                f"threshold is {threshold}: similarities under the {kernel} kernel lie in [{low:g}, {high:g}]",
            )
        self.capacity, self.key_size, self.value_size = capacity, key_size, value_size
        self.kernel, self.organisation, self.update = kernel, organisation, update
        self.neighbours, self.threshold = neighbours, threshold
        for name, buffer in self._empty_buffers(0, torch.device("cpu")).items():
            self.register_buffer(name, buffer)

    def _empty_buffers(self, batch: int, device: torch.device) -> dict[str, Tensor]:
        slots = (batch, self.capacity)
        return {
            "keys": torch.zeros(*slots, self.key_size, device=device),
            "key_norms": torch.zeros(slots, device=device),
            "values": torch.zeros(*slots, self.value_size, device=device),
            "labels": torch.full(slots, EMPTY, dtype=torch.long, device=device),
            "written": torch.zeros(slots, dtype=torch.long, device=device),
            "used": torch.zeros(slots, dtype=torch.long, device=device),
            "clock": torch.zeros(batch, dtype=torch.long, device=device),
            "uses": torch.zeros((), dtype=torch.long, device=device),
        }

    @property
    def batch_size(self) -> int:
        """Number of environments B that the memory was reset for."""
        return self.keys.shape[0]

    @property
    def occupied(self) -> Tensor:
        """`[B, N]` bool: the slots that hold a memory."""
        return self.written > 0

    def reset(self, batch_size: int) -> None:
        """Forget everything, for `batch_size` environments; allocates only when that number changes.

        0 gives the storage back: a memory between two blocks then takes no room in a checkpoint.

        Raises:
            InputError: a negative batch size.
        """
        require(batch_size >= 0, f"batch_size is {batch_size}: it has to be 0 or more")
        if batch_size != self.batch_size:
            for name, buffer in self._empty_buffers(batch_size, self.keys.device).items():
                setattr(self, name, buffer)
            return
        for buffer in self.buffers():
            buffer.zero_()
        self.labels.fill_(EMPTY)

    @torch.no_grad()
    def write(self, key: Tensor, value: Tensor, label: Tensor) -> None:
        """Store one memory in each environment: key `[B, K]`, value `[B, V]`, label `[B]` long (>= 0)."""
        slot = self._slot_for(label).unsqueeze(1)
        self.clock += 1
        row = self._rows(slot).squeeze(1)
        self.keys.view(-1, self.key_size).index_copy_(0, row, key)
        self.values.view(-1, self.value_size).index_copy_(0, row, value)
        self.key_norms.scatter_(1, slot, torch.linalg.vector_norm(key, dim=-1, keepdim=True))
        self.labels.scatter_(1, slot, label.unsqueeze(1))
        self.written.scatter_(1, slot, self.clock.unsqueeze(1))
        if self.organisation == "stack":
            self.uses += 1
            self.used.scatter_(1, slot, self.uses.expand_as(slot))

    def _slot_for(self, label: Tensor) -> Tensor:
        if self.organisation == "append":
            return self.clock % self.capacity
        match = (self.labels == label.unsqueeze(1)) & self.occupied
        oldest_use = self.used.argmin(dim=1)  # free slots come first: they were never used
        return torch.where(match.any(dim=1), match.long().argmax(dim=1), oldest_use)

    def _rows(self, slots: Tensor) -> Tensor:
        """Slots `[B, k]` numbered through all environments, `[B, k]`: rows of the flattened buffers."""
        first = torch.arange(0, self.labels.numel(), self.capacity, device=slots.device)
        return slots + first.unsqueeze(1)

    def similarity(self, query: Tensor) -> Tensor:
        """Similarity of query `[B, K]` to every slot -> `[B, N]`; `-inf` where the slot is free."""
        similarity = KERNELS[self.kernel](query, self.keys, self.key_norms)
        return similarity.masked_fill_(self.written == 0, float("-inf"))

    def read(self, query: Tensor) -> Recall:
        """Search by query `[B, K]`; see the class for what is recalled."""
        similarity = self.similarity(query)
        slots, nearest = newest_nearest(similarity, self.written, self.neighbours)  # [B, k] each
        recalled = nearest > float("-inf")
        if self.threshold is not None:
            recalled &= nearest >= self.threshold - TIE * (1 + abs(self.threshold))  # the same key is always recalled
        found = recalled[:, :1]
        if self.organisation == "stack":
            self._touch(slots, recalled)
        values = self.values.view(-1, self.value_size).index_select(0, self._rows(slots).flatten())  # [B * k, V]
        if self.neighbours == 1:
            value = values * found
        else:
            weights = _softmax_over(nearest, recalled)
            value = (weights.unsqueeze(1) @ values.view(*slots.shape, -1)).squeeze(1)
        missing, first = ~found, slots[:, :1]
        label = self.labels.gather(1, first).masked_fill_(missing, EMPTY)
        slot = first.masked_fill(missing, EMPTY)
        return Recall(value, label.squeeze(1), nearest[:, 0], slot.squeeze(1))

    @torch.no_grad()
    def _touch(self, slots: Tensor, recalled: Tensor) -> None:
        self.uses += 1
        before = self.used.gather(1, slots)
        self.used.scatter_(1, slots, torch.where(recalled, self.uses, before))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        # A memory is saved with whatever batch it was reset for; take that batch over before loading.
        saved = state_dict.get(prefix + "keys")
        if isinstance(saved, Tensor) and saved.dim() == 3 and saved.shape[0] != self.batch_size:
            for name, buffer in self._empty_buffers(saved.shape[0], self.keys.device).items():
                setattr(self, name, buffer)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.capacity} slots, key {self.key_size}, value {self.value_size}, {self.kernel}, "
            f"{self.organisation}, neighbours={self.neighbours}, threshold={self.threshold}"
        )


def _softmax_over(similarity: Tensor, chosen: Tensor) -> Tensor:
    """Softmax of `[B, k]` similarities over the chosen ones; all zero where none is."""
    weights = torch.softmax(similarity.masked_fill(~chosen, float("-inf")), dim=1)
    return torch.where(chosen, weights, 0.0)
