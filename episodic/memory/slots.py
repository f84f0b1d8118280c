"""Slots for keys, values and labels, a row of them for each environment of a batch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from episodic.errors import require, require_choice, require_positive
from episodic.memory.kernels import KERNELS, inverse_norms, require_in_range
from episodic.memory.recall import EMPTY
from episodic.memory.stacks import Stacks, StackTable


class Slots(nn.Module):
    """The contents of a memory: allocating, clearing, comparing, saving and loading them.

    All contents are buffers. `reset(batch_size)` allocates them; they are saved together and move with the module.
    After `keep_sources` each slot also keeps what its key was computed from, so that `rekey` can recompute the keys.

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        kernel: `cosine`, `l2` or `l1`; the last two are negative distances.
        threshold: lowest similarity that is recalled; None recalls at any similarity.
        stacks: rules of the stacks; None gives every write a slot.

    Raises:
        InputError: a size below 1, an unknown kernel, a threshold outside the kernel's range.
    """

    keys: Tensor  # [B, N, K]
    key_scales: Tensor  # [B, N] inverse lengths of the keys
    values: Tensor  # [B, N, V]
    labels: Tensor  # [B, N] long, EMPTY where the slot is free
    sources: Tensor  # [B, N, S] what the keys were computed from; exists after `keep_sources` only
    vacancy: Tensor  # [B, N], added to similarities: `-inf` where the slot is free, else 0
    written: Tensor  # [B, N] long, time of the slot's last write, from 1; 0 where free
    clock: Tensor  # [B] long, number of writes so far
    stacks: StackTable | None  # which stack is in which slot; None where every write takes a slot

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        kernel: str = "cosine",
        threshold: float | None = None,
        stacks: Stacks | None = None,
    ) -> None:
        super().__init__()
        require_positive(capacity=capacity, key_size=key_size, value_size=value_size)
        require_choice("kernel", kernel, tuple(KERNELS))
        require_in_range("threshold", threshold, kernel)
        self.capacity, self.key_size, self.value_size = capacity, key_size, value_size
        self.kernel, self.threshold, self.source_size = kernel, threshold, 0
        self.stacks = StackTable(capacity, kernel, stacks) if stacks is not None else None
        for name, buffer in self._empty_buffers(0, torch.zeros(0)).items():
            self.register_buffer(name, buffer)
        self._first_rows = torch.empty(0, 1, dtype=torch.long)

    def _empty_buffers(self, batch: int, like: Tensor) -> dict[str, Tensor]:
        slots = (batch, self.capacity)
        sources = {"sources": like.new_zeros(*slots, self.source_size)} if self.source_size else {}
        return {
            **sources,
            "keys": like.new_zeros(*slots, self.key_size),
            "key_scales": like.new_zeros(slots),
            "values": like.new_zeros(*slots, self.value_size),
            "labels": like.new_full(slots, EMPTY, dtype=torch.long),
            "vacancy": like.new_full(slots, float("-inf")),
            "written": like.new_zeros(slots, dtype=torch.long),
            "clock": like.new_zeros(batch, dtype=torch.long),
        }

    @property
    def batch_size(self) -> int:
        """Number of environments B that the memory was reset for; 0 before the first `reset`."""
        return self.keys.shape[0]

    @property
    def occupied(self) -> Tensor:
        """`[B, N]` bool: the slots that hold a memory."""
        return self.written > 0

    @property
    def by_label(self) -> bool:
        """Whether stacks are found by label: every write then needs a label or a stack number."""
        return self.stacks is not None and self.stacks.rules.match_above is None

    def reset(self, batch_size: int) -> None:
        """Forget everything, for `batch_size` environments; allocates only if that number changes.

        0 frees the storage: a memory between two blocks then takes no space in a checkpoint.

        Raises:
            InputError: a negative batch size.
        """
        require(batch_size >= 0, f"batch_size is {batch_size}: it must be 0 or more")
        if batch_size != self.batch_size:
            self._allocate(batch_size)
            return
        for buffer in self.buffers():
            buffer.zero_()
        self.labels.fill_(EMPTY)
        self.vacancy.fill_(float("-inf"))
        if self.stacks is not None:
            self.stacks.numbers.fill_(EMPTY)

    def _allocate(self, batch: int) -> None:
        like = self.keys
        for name, buffer in self._empty_buffers(batch, like).items():
            setattr(self, name, buffer)
        if self.stacks is not None:
            self.stacks.allocate(batch, like)

    def keep_sources(self, size: int) -> None:
        """Require a source `[B, S]` of this size S with every write from now on; forgets everything.

        Raises:
            InputError: a size below 1.
        """
        require_positive(size=size)
        self.source_size = size
        self.register_buffer("sources", self.keys.new_zeros(*self.labels.shape, size))
        self.reset(self.batch_size)

    @torch.no_grad()
    def rekey(self, function: Callable[[Tensor], Tensor]) -> None:
        """Recompute the stored keys from their sources by `function`, `[M, S]` -> `[M, K]`; all else stays.

        Raises:
            InputError: the memory keeps no sources, or the function gives another shape.
        """
        require(self.source_size > 0, "the memory keeps no sources: keys cannot be computed again, see keep_sources")
        keys = function(self.sources.view(-1, self.source_size))
        wanted = (self.labels.numel(), self.key_size)
        require(keys.shape == wanted, f"function returns keys of shape {tuple(keys.shape)}: they must be {wanted}")
        self.keys.copy_(keys.view_as(self.keys) * self.occupied.unsqueeze(-1))
        self.key_scales.copy_(inverse_norms(self.keys) * self.occupied)

    def _rows(self, slots: Tensor) -> Tensor:
        """Slots `[B, k]` numbered through all environments, `[B, k]`: rows of the flattened buffers."""
        if len(self._first_rows) != len(slots) or self._first_rows.device != slots.device:
            rows = torch.arange(0, self.labels.numel(), self.capacity, device=slots.device)
            self._first_rows = rows.unsqueeze(1)
        return slots + self._first_rows

    def similarity(self, query: Tensor) -> Tensor:
        """Similarity of query `[B, K]` to every slot -> `[B, N]`; `-inf` where the slot is free."""
        return KERNELS[self.kernel](query, self.keys, self.key_scales) + self.vacancy

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        # A memory is saved with the batch that it was reset for; take that batch over before loading.
        saved = state_dict.get(prefix + "keys")
        if isinstance(saved, Tensor) and saved.dim() == 3 and saved.shape[0] != self.batch_size:
            self._allocate(saved.shape[0])
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.capacity} slots, key {self.key_size}, value {self.value_size}, {self.kernel}, "
            f"threshold={self.threshold}"
        )
