"""Stacks: slots that belong to one task each, and are updated when the task returns."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from episodic.errors import InputError, require, require_choice, require_fraction
from episodic.memory.checks import check_finite, check_labels
from episodic.memory.kernels import require_in_range
from episodic.memory.neighbours import just_under, newest_nearest
from episodic.memory.recall import EMPTY
from episodic.memory.updates import UPDATES, Meeting, update_key, update_value


@dataclass(frozen=True)
class Stacks:
    """Rules of the stacks: how a write finds its stack, and what it does to the memory there.

    >>> Stacks(update="mean").key_rule
    'mean'

    Args:
        update: rule for keys and values, one of `UPDATES`; see `episodic.memory.updates`.
        key_update: rule for keys; None takes `update`.
        value_update: rule for values; None takes `update`.
        update_rate: weight of the new memory under the rule `ema`.
        match_above: a write goes to the stack of the nearest key if that is at least this similar, else to a new
            stack; None finds stacks by label.

    Raises:
        InputError: an unknown rule, a rate outside [0, 1].
    """

    update: str = "latest"
    key_update: str | None = None
    value_update: str | None = None
    update_rate: float = 0.5
    match_above: float | None = None

    def __post_init__(self) -> None:
        require_choice("update", self.update, UPDATES)
        require_choice("key_update", self.key_rule, UPDATES)
        require_choice("value_update", self.value_rule, UPDATES)
        require_fraction(update_rate=self.update_rate)

    @property
    def key_rule(self) -> str:
        """The rule for keys."""
        return self.key_update or self.update

    @property
    def value_rule(self) -> str:
        """The rule for values."""
        return self.value_update or self.update

    @property
    def replaces(self) -> bool:
        """Whether the new memory simply replaces the one in its stack."""
        return self.key_rule == self.value_rule == "latest"

    @property
    def wants_returns(self) -> bool:
        """Whether a write needs the return of its episode."""
        return "best_return" in (self.key_rule, self.value_rule)


class StackedWrite(NamedTuple):
    """What a write leaves in a slot."""

    key: Tensor  # [B, K]
    value: Tensor  # [B, V]
    source: Tensor | None  # [B, S], what the key was computed from


class StackTable(nn.Module):
    """Which stack is in which slot, when it was last used, and how often it was written.

    A new stack takes a free slot or, otherwise, that of the least recently used stack.

    Args:
        capacity: number of slots N.
        kernel: the memory's kernel.
        rules: rules of the stacks.

    Raises:
        InputError: rules that the kernel does not allow.
    """

    numbers: Tensor  # [B, N] long, number that the stack is found by; EMPTY where the slot is free
    used: Tensor  # [B, N] long, time of the stack's last read or write, from 1; 0 where free
    counts: Tensor  # [B, N] long, writes to the stack; not kept under the rule `latest`
    returns: Tensor  # [B, N] highest return of the stack's episodes; kept under the rule `best_return`
    uses: Tensor  # [] long, number of reads and writes so far

    def __init__(self, capacity: int, kernel: str, rules: Stacks) -> None:
        super().__init__()
        require_in_range("match_above", rules.match_above, kernel)
        require(
            rules.key_rule != "average" or kernel == "cosine",
            f"key_update is 'average' with kernel {kernel}: a normalised sum needs the cosine kernel",
        )
        self.capacity, self.rules = capacity, rules
        for name, buffer in self._empty_buffers(0, torch.zeros(0)).items():
            self.register_buffer(name, buffer)

    def _empty_buffers(self, batch: int, like: Tensor) -> dict[str, Tensor]:
        slots = (batch, self.capacity)
        return {
            "numbers": like.new_full(slots, EMPTY, dtype=torch.long),
            "used": like.new_zeros(slots, dtype=torch.long),
            "counts": like.new_zeros(slots, dtype=torch.long),
            "returns": like.new_zeros(slots),
            "uses": like.new_zeros((), dtype=torch.long),
        }

    def allocate(self, batch: int, like: Tensor) -> None:
        """Start empty, for `batch` environments, with the device and the dtype of `like`."""
        for name, buffer in self._empty_buffers(batch, like).items():
            setattr(self, name, buffer)

    def check(self, batch: int, label: Tensor | None, returns: Tensor | None, stack: Tensor | None) -> None:
        """Raise `InputError` unless a write brings what the rules need."""
        if returns is None and self.rules.wants_returns:
            raise InputError("returns is None: the update best_return needs the return of each episode")
        if returns is not None and self.rules.wants_returns:
            require(returns.shape == (batch,), f"returns has shape {tuple(returns.shape)}: it must be {(batch,)}")
            check_finite("returns", returns)
        if self.rules.match_above is not None:
            require(stack is None, "stack is given with match_above: stacks are found by their keys, leave it out")
        elif stack is not None:
            check_labels("stack", stack, batch)
        elif label is None:
            raise InputError("label is None: stacks are found by label, or by similarity with match_above")

    def find(self, number: Tensor) -> tuple[Tensor, Tensor]:
        """The slot `[B, 1]` for a stack number `[B]`, and `[B, 1]` bool: it holds that stack already."""
        wanted = number.unsqueeze(1)
        # The stack's slot, else a free one (used at time 0), else the least recently used.
        slot = self.used.masked_fill(self.numbers == wanted, -1).argmin(dim=1, keepdim=True)
        return slot, self.numbers.gather(1, slot) == wanted

    def match(self, similarity: Tensor, written: Tensor) -> tuple[Tensor, Tensor]:
        """The slot `[B, 1]` for a key of that similarity `[B, N]`, and `[B, 1]` bool: its key matches."""
        assert self.rules.match_above is not None
        nearest_slot, nearest = newest_nearest(similarity, written, 1)
        known = (nearest >= just_under(self.rules.match_above)) & nearest.isfinite()
        return torch.where(known, nearest_slot, self.used.argmin(dim=1, keepdim=True)), known

    def touch(self, slots: Tensor, recalled: Tensor | None = None) -> None:
        """Mark slots `[B, k]` as used now, all or those that were `recalled`, `[B, k]` bool."""
        time = self.uses.add_(1).expand_as(slots)
        if recalled is not None:
            time = torch.where(recalled, time, self.used.gather(1, slots))
        self.used.scatter_(1, slots, time)

    def merge(
        self, slot: Tensor, known: Tensor, stored: StackedWrite, new: StackedWrite, returns: Tensor | None
    ) -> StackedWrite:
        """Combine what a stack holds with a new memory, by the rules; updates counts and returns.

        A source follows the rule of the keys, or `mean` where that is `average`.
        """
        rules = self.rules
        count = self.counts.gather(1, slot) * known + 1
        self.counts.scatter_(1, slot, count)
        better = known
        if returns is not None and rules.wants_returns:
            earned, best = returns.to(self.returns).unsqueeze(1), self.returns.gather(1, slot)
            better = earned >= best
            self.returns.scatter_(1, slot, torch.where(known & ~better, best, earned))
        meeting, rate, source = Meeting(known, count, better), rules.update_rate, new.source
        if source is not None and stored.source is not None:
            rule = "mean" if rules.key_rule == "average" else rules.key_rule
            source = update_value(rule, stored.source, source, meeting, rate)
        return StackedWrite(
            update_key(rules.key_rule, stored.key, new.key, meeting, rate),
            update_value(rules.value_rule, stored.value, new.value, meeting, rate),
            source,
        )

    def extra_repr(self) -> str:
        rules = self.rules
        return f"key_update={rules.key_rule}, value_update={rules.value_rule}, match_above={rules.match_above}"
