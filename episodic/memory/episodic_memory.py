"""The episodic memory: keys, values and labels in slots, one memory for each environment of a batch."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from episodic.errors import InputError, require, require_choice, require_fraction, require_positive
from episodic.memory.kernels import KERNELS, RANGES, inverse_norms
from episodic.memory.neighbours import TIE, newest_nearest
from episodic.memory.updates import UPDATES, Meeting, update_key, update_value
from episodic.memory.weights import WEIGHTINGS, neighbour_weights

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
    equally similar slots the newest wins. `stack` keeps one slot a task: a task met again is updated in place (by the
    rules `key_update` and `value_update`), a new one takes a free slot, and when there is none the least
    recently used (read or written) goes. A write belongs to the stack of its label or, with `match_above`, to that
    of the nearest stored key if this one is at least so similar: labels are then not needed.

    With `neighbours` k > 1 the value is the weighted mean of the k nearest (see `episodic.memory.weights`), and label and
    slot are those of the nearest. With a `threshold`, keys less similar than that are not recalled. With
    `learned_query` the query first passes a learned square matrix (the identity at first), which gets its
    gradient through the neighbours' weights.

    After `keep_sources` each slot also keeps what its key was made of, so that the keys can be made again when that
    which makes them has changed (`rekey`).

    All state is in buffers, allocated by `reset(batch_size)`, saved together, and moved with the module.

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        kernel: `cosine`, `l2` or `l1` (the last two: minus the distance).
        organisation: `append` or `stack`.
        update: what a second write to a stack does to key and value, `latest`, `average`, `mean`, `ema` or
            `best_return`; see `episodic.memory.updates`.
        neighbours: how many stored keys a read looks at.
        threshold: lowest similarity that is recalled; None recalls the nearest whatever it is.
        key_update: the rule for keys; None takes `update`.
        value_update: the rule for values; None takes `update`.
        update_rate: weight of the new in the rule `ema`.
        match_above: a write goes to the stack of the nearest key that is at least so similar; None goes by label.
        weighting: of the neighbours, `softmax` or `inverse_distance`.
        temperature: of the softmax over the neighbours' similarities.
        learned_query: whether a learned projection of the query is searched with.
        slack: keys that are less similar than the nearest by no more than this count as equally similar, so that the
            newest of them is recalled: with keys that are never quite the same again, that which was learned last.

    Raises:
        InputError: a size below 1, an unknown name, a limit outside the kernel's range, options that
            do not go together.
    """

    keys: Tensor  # [B, N, K]
    key_scales: Tensor  # [B, N] inverse lengths of the keys
    values: Tensor  # [B, N, V]
    labels: Tensor  # [B, N] long, EMPTY where the slot is free
    stacks: Tensor  # [B, N] long, the number that a stack is found by, its label if nothing else is said; EMPTY
    sources: Tensor  # [B, N, S] what the keys were made of; there after `keep_sources` alone
    vacancy: Tensor  # [B, N], added to similarities: `-inf` where the slot is free, else 0
    written: Tensor  # [B, N] long, the time of the slot's last write, from 1; 0 where free
    used: Tensor  # [B, N] long, the time of the slot's last read or write, from 1; 0 where free
    counts: Tensor  # [B, N] long, writes to the slot since it was taken; kept for the rules that are not `latest`
    returns: Tensor  # [B, N] highest return of the slot's episodes; kept for the rule `best_return`
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
        key_update: str | None = None,
        value_update: str | None = None,
        update_rate: float = 0.5,
        match_above: float | None = None,
        weighting: str = "softmax",
        temperature: float = 1.0,
        learned_query: bool = False,
        slack: float = 0.0,
    ) -> None:
        super().__init__()
        require_positive(
            capacity=capacity, key_size=key_size, value_size=value_size, neighbours=neighbours, temperature=temperature
        )
        require_choice("kernel", kernel, tuple(KERNELS))
        require_choice("organisation", organisation, ("append", "stack"))
        require_choice("weighting", weighting, WEIGHTINGS)
        require(
            neighbours <= capacity,
            f"neighbours is {neighbours}: it has to be at most the capacity, {capacity}",
        )
        require_in_range("threshold", threshold, kernel)
        require_in_range("match_above", match_above, kernel)
        self.capacity, self.key_size, self.value_size = capacity, key_size, value_size
        self.kernel, self.organisation = kernel, organisation
        self.neighbours, self.threshold, self.match_above = neighbours, threshold, match_above
        self.key_update, self.value_update, self.update_rate = key_update or update, value_update or update, update_rate
        self.weighting, self.temperature, self.slack = weighting, temperature, slack
        require(slack >= 0, f"slack is {slack}: it has to be 0 or more")
        require(slack == 0 or neighbours == 1, f"slack is {slack} with neighbours {neighbours}: it is of a single one")
        self.source_size = 0
        self._check_updates(update)
        require(
            neighbours > 1 or not learned_query,
            "learned_query is true with neighbours 1: the gradient comes through the weights of 2 or more neighbours",
        )
        self.query_projection = nn.Linear(key_size, key_size, bias=False) if learned_query else None
        if self.query_projection is not None:
            nn.init.eye_(self.query_projection.weight)
        for name, buffer in self._empty_buffers(0, torch.device("cpu")).items():
            self.register_buffer(name, buffer)
        self._first_rows = torch.empty(0, 1, dtype=torch.long)

    def _check_updates(self, update: str) -> None:
        require_choice("update", update, UPDATES)
        require_choice("key_update", self.key_update, UPDATES)
        require_choice("value_update", self.value_update, UPDATES)
        require_fraction(update_rate=self.update_rate)
        if self.organisation == "append":
            for name, rule in (("key_update", self.key_update), ("value_update", self.value_update)):
                require(
                    rule == "latest", f"{name} is {rule!r}: organisation append never writes to a slot again, use stack"
                )
            require(
                self.match_above is None, f"match_above is {self.match_above}: it finds stacks, use organisation stack"
            )
        require(
            self.key_update != "average" or self.kernel == "cosine",
            f"key_update is 'average' with kernel {self.kernel}: a normalised sum needs the cosine kernel",
        )

    def _empty_buffers(self, batch: int, device: torch.device) -> dict[str, Tensor]:
        slots = (batch, self.capacity)
        sources = torch.zeros(*slots, self.source_size, device=device)
        return {
            **({"sources": sources} if self.source_size else {}),
            "keys": torch.zeros(*slots, self.key_size, device=device),
            "key_scales": torch.zeros(slots, device=device),
            "values": torch.zeros(*slots, self.value_size, device=device),
            "labels": torch.full(slots, EMPTY, dtype=torch.long, device=device),
            "stacks": torch.full(slots, EMPTY, dtype=torch.long, device=device),
            "vacancy": torch.full(slots, float("-inf"), device=device),
            "written": torch.zeros(slots, dtype=torch.long, device=device),
            "used": torch.zeros(slots, dtype=torch.long, device=device),
            "counts": torch.zeros(slots, dtype=torch.long, device=device),
            "returns": torch.zeros(slots, device=device),
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
            self._allocate(batch_size)
            return
        for buffer in self.buffers():
            buffer.zero_()
        self.labels.fill_(EMPTY)
        self.stacks.fill_(EMPTY)
        self.vacancy.fill_(float("-inf"))

    def _allocate(self, batch: int) -> None:
        kind = self.keys.dtype
        for name, buffer in self._empty_buffers(batch, self.keys.device).items():
            setattr(self, name, buffer.to(kind) if buffer.is_floating_point() else buffer)

    def keep_sources(self, size: int) -> None:
        """From now on every write has to bring what its key was made of, `[B, S]` of this size S; forgets everything.

        Raises:
            InputError: a size below 1.
        """
        require_positive(size=size)
        self.source_size = size
        self.register_buffer("sources", self.keys.new_zeros(*self.labels.shape, size))
        self.reset(self.batch_size)

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
        """Store one memory in each environment.

        Args:
            key: `[B, K]`.
            value: `[B, V]`.
            label: `[B]` long, 0 or more; without it a memory's label is its slot's number.
            returns: `[B]`, what the memory's episode earned; the rule `best_return` wants it.
            source: `[B, S]`, what the key was made of, where that is kept. In a stack it follows the rule of the keys,
                and that of `mean` where theirs is `average`.
            stack: `[B]` long, 0 or more: the number that stacks are found by instead of the label.

        Raises:
            InputError: no label where stacks are found by label, no returns where a rule wants them, no source where
                sources are kept.
        """
        require(
            source is not None or not self.source_size,
            "source is None: a memory that keeps sources has to know what each key was made of",
        )
        if returns is None and self._wants_returns:
            raise InputError("returns is None: the update best_return has to know what each episode earned")
        if self.organisation == "append":
            slot = (self.clock % self.capacity).unsqueeze(1)
        else:
            slot, known = self._stack_for(key, label if stack is None else stack)
            key, value, source = self._updated(key, value, source, returns, slot, known)
        self.clock += 1
        row = self._rows(slot).squeeze(1)
        self.keys.view(-1, self.key_size).index_copy_(0, row, key)
        self.values.view(-1, self.value_size).index_copy_(0, row, value)
        self.key_scales.scatter_(1, slot, inverse_norms(key).unsqueeze(1))
        self.vacancy.scatter_(1, slot, 0.0)
        label = slot if label is None else label.unsqueeze(1)
        self.labels.scatter_(1, slot, label)
        self.stacks.scatter_(1, slot, label if stack is None else stack.unsqueeze(1))
        if source is not None and self.source_size:
            self.sources.view(-1, self.source_size).index_copy_(0, row, source)
        self.written.scatter_(1, slot, self.clock.unsqueeze(1))

    @property
    def _wants_returns(self) -> bool:
        return "best_return" in (self.key_update, self.value_update)

    def _stack_for(self, key: Tensor, stack: Tensor | None) -> tuple[Tensor, Tensor]:
        """The slot `[B, 1]` of a write, and `[B, 1]` bool whether it holds this stack already."""
        if self.match_above is not None:
            match, nearest = newest_nearest(self.similarity(key), self.written, 1)
            known = (nearest >= _just_under(self.match_above)) & nearest.isfinite()
            return torch.where(known, match, self.used.argmin(dim=1, keepdim=True)), known
        if stack is None:
            raise InputError(
                "label is None: organisation stack finds stacks by label, or by similarity with match_above"
            )
        wanted = stack.unsqueeze(1)
        # The stack's own slot, else a free one (never used: 0), else the least recently used.
        slot = self.used.masked_fill(self.stacks == wanted, -1).argmin(dim=1, keepdim=True)
        return slot, self.stacks.gather(1, slot) == wanted

    def _updated(
        self,
        key: Tensor,
        value: Tensor,
        source: Tensor | None,
        returns: Tensor | None,
        slot: Tensor,
        known: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Key, value and source of a stack after a write; counts, returns and time of use are brought up to date."""
        self.uses += 1
        self.used.scatter_(1, slot, self.uses.expand_as(slot))
        if self.key_update == self.value_update == "latest":
            return key, value, source
        count = self.counts.gather(1, slot) * known + 1
        self.counts.scatter_(1, slot, count)
        better = known
        if returns is not None and self._wants_returns:
            earned, best = returns.to(self.returns).unsqueeze(1), self.returns.gather(1, slot)
            better = earned >= best
            self.returns.scatter_(1, slot, torch.where(known & ~better, best, earned))
        meeting = Meeting(known, count, better)
        row = self._rows(slot).squeeze(1)
        stored_key = self.keys.view(-1, self.key_size).index_select(0, row)
        stored_value = self.values.view(-1, self.value_size).index_select(0, row)
        if source is not None and self.source_size:
            stored_source = self.sources.view(-1, self.source_size).index_select(0, row)
            rule = "mean" if self.key_update == "average" else self.key_update
            source = update_value(rule, stored_source, source, meeting, self.update_rate)
        return (
            update_key(self.key_update, stored_key, key, meeting, self.update_rate),
            update_value(self.value_update, stored_value, value, meeting, self.update_rate),
            source,
        )

    @torch.no_grad()
    def rekey(self, function: Callable[[Tensor], Tensor]) -> None:
        """Make the stored keys again: `function` of the sources, `[M, S]` -> `[M, K]`; everything else stays.

        Raises:
            InputError: the memory keeps no sources.
        """
        require(self.source_size > 0, "the memory keeps no sources: keys cannot be made again, see keep_sources")
        keys = function(self.sources.view(-1, self.source_size)).view_as(self.keys)
        self.keys.copy_(keys * self.occupied.unsqueeze(-1))
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

    def read(self, query: Tensor) -> Recall:
        """Search by query `[B, K]`; see the class for what is recalled.

        With several neighbours the value has a gradient to the query and to a learned projection; what the memory
        holds may change before it is used.
        """
        if self.query_projection is not None:
            query = self.query_projection(query)
        with torch.no_grad():
            slots, nearest = newest_nearest(self.similarity(query), self.written, self.neighbours, self.slack)
            recalled = nearest > float("-inf")
            if self.threshold is not None:
                recalled &= nearest >= _just_under(self.threshold)
            if self.organisation == "stack":
                self._touch(slots, recalled)
        missing, first, rows = ~recalled[:, :1], slots[:, :1], self._rows(slots).flatten()
        values = self.values.view(-1, self.value_size).index_select(0, rows)  # [B * k, V]
        if self.neighbours == 1:
            value = values * recalled
        else:
            weights = self._weights(query, rows, nearest, recalled)
            value = (weights.unsqueeze(1) @ values.view(*slots.shape, -1)).squeeze(1)
        label = self.labels.gather(1, first).masked_fill_(missing, EMPTY)
        slot = first.masked_fill(missing, EMPTY)
        return Recall(value, label.squeeze(1), nearest[:, 0], slot.squeeze(1))

    def _weights(self, query: Tensor, rows: Tensor, nearest: Tensor, recalled: Tensor) -> Tensor:
        """Weights `[B, k]` of the neighbours, differentiable by the query where it has a gradient."""
        if query.requires_grad and torch.is_grad_enabled():
            # Once more, for the neighbours alone, from copies: a write may come before the gradient is asked for.
            keys = self.keys.view(-1, self.key_size).index_select(0, rows).view(*nearest.shape, -1)
            scales = self.key_scales.view(-1).index_select(0, rows).view(nearest.shape)
            nearest = KERNELS[self.kernel](query, keys, scales)
        return neighbour_weights(nearest, recalled, self.weighting, kernel=self.kernel, temperature=self.temperature)

    def _touch(self, slots: Tensor, recalled: Tensor) -> None:
        self.uses += 1
        before = self.used.gather(1, slots)
        self.used.scatter_(1, slots, torch.where(recalled, self.uses, before))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        # A memory is saved with whatever batch it was reset for; take that batch over before loading.
        saved = state_dict.get(prefix + "keys")
        if isinstance(saved, Tensor) and saved.dim() == 3 and saved.shape[0] != self.batch_size:
            self._allocate(saved.shape[0])
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.capacity} slots, key {self.key_size}, value {self.value_size}, {self.kernel}, "
            f"{self.organisation}, neighbours={self.neighbours}, threshold={self.threshold}"
        )


def require_in_range(name: str, limit: float | None, kernel: str) -> None:
    """Raise `InputError` where a limit on the similarity is one that the kernel can never give."""
    low, high = RANGES[kernel]
    require(
        limit is None or low <= limit <= high,
        f"{name} is {limit}: similarities under the {kernel} kernel lie in [{low:g}, {high:g}]",
    )


def _just_under(limit: float) -> float:
    """The limit less a rounding error: the same key always passes."""
    return limit - TIE * (1 + abs(limit))
