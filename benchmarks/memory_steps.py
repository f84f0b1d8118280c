"""What one read and one write cost: beside a memory of Python lists, and beside the bare search."""

import gc
import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.throughput import ratio
from benchmarks.timing import Repeated, Setting, medians, take_turns
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.kernels import inverse_norms
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory

KEY_SIZES = (10, 50)
VALUE_SIZE = 50
#: The list memory holds at most this many memories in all: with more slots, fewer environments are measured.
LISTED = 100_000
#: Different steps that are repeated again and again.
DRAWN = 16


class Step(NamedTuple):
    """The query and the memory of one step."""

    query: Tensor  # [B, K]
    key: Tensor  # [B, K]
    value: Tensor  # [B, V]
    label: Tensor  # [B] long


class ListMemory:
    """The usual way to write a memory: a list of key, value and label for each environment, searched one by one."""

    def __init__(self, capacity: int, entries: list[list[tuple[Tensor, Tensor, int]]]) -> None:
        self.capacity, self.entries = capacity, entries

    @classmethod
    def copied_from(cls, memory: Memory, environments: int) -> "ListMemory":
        """The contents of the first environments of a full memory."""
        keys, values, labels = memory.keys, memory.values, memory.labels.tolist()
        held = [
            [(k.clone(), v.clone(), label) for k, v, label in zip(keys[b], values[b], labels[b], strict=True)]
            for b in range(environments)
        ]
        return cls(memory.capacity, held)

    def read(self, query: Tensor) -> Tensor:
        """Values `[B, V]` of the nearest keys."""
        values = []
        for environment, entries in enumerate(self.entries):
            keys = torch.stack([key for key, _, _ in entries])
            nearest = torch.cosine_similarity(query[environment : environment + 1], keys).argmax()
            values.append(entries[int(nearest)][1])
        return torch.stack(values)

    def write(self, key: Tensor, value: Tensor, label: Tensor) -> None:
        """One more memory in each environment; the oldest goes."""
        for environment, entries in enumerate(self.entries):
            if len(entries) == self.capacity:
                entries.pop(0)
            entries.append((key[environment], value[environment], int(label[environment])))


class BareSearch:
    """The minimal exact search, on the memory's own keys, which have unit length."""

    def __init__(self, memory: Memory) -> None:
        self.keys, self.values = memory.keys, memory.values.view(-1, memory.value_size)
        self.first = torch.arange(memory.batch_size, device=memory.keys.device) * memory.capacity

    def products(self, query: Tensor) -> Tensor:
        return torch.bmm(query.unsqueeze(1), self.keys.transpose(1, 2)).squeeze(1)

    def topk(self, query: Tensor) -> Tensor:
        """Values `[B, V]` of the nearest keys."""
        slot = self.products(query).topk(1).indices.squeeze(1)
        return self.values.index_select(0, self.first + slot)

    def amax(self, query: Tensor) -> Tensor:
        """Similarities of the nearest keys, `[B]`, but not which keys these are: less than any search needs."""
        return self.products(query).amax(dim=1)


def unit(*shape: int, device: torch.device) -> Tensor:
    """Random directions."""
    return torch.nn.functional.normalize(torch.randn(*shape, device=device), dim=-1)


def draw_steps(setting: Setting, slots: int, key_size: int) -> list[Step]:
    """Random steps in a memory whose slots hold the labels 0 to N - 1."""
    batch, device = setting.environments, setting.device
    return [
        Step(
            unit(batch, key_size, device=device),
            unit(batch, key_size, device=device),
            torch.randn(batch, VALUE_SIZE, device=device),
            torch.randint(slots, (batch,), device=device),
        )
        for _ in range(DRAWN)
    ]


def full_memory(setting: Setting, slots: int, key_size: int, kind: type[EpisodicMemory] | type[StackMemory]) -> Memory:
    """The memory that N writes of random unit keys with the labels 0 to N - 1 leave, filled at once."""
    memory: Memory = kind(slots, key_size, VALUE_SIZE).to(setting.device)
    memory.reset(setting.environments)
    memory.keys.normal_()
    memory.keys.div_(torch.linalg.vector_norm(memory.keys, dim=-1, keepdim=True))
    memory.key_scales.copy_(inverse_norms(memory.keys))
    memory.vacancy.zero_()
    memory.values.normal_()
    memory.labels.copy_(torch.arange(slots))
    memory.written.copy_(memory.labels + 1)
    memory.clock.fill_(slots)
    if memory.stacks is not None:
        memory.stacks.numbers.copy_(memory.labels)
        memory.stacks.used.copy_(memory.written)
        memory.stacks.uses.fill_(slots)
    return memory


def reading_and_writing(memory: Memory | ListMemory, steps: Iterable[Step]) -> Callable[[], None]:
    """One read and one write; the next step at the next call."""
    turns = itertools.cycle(steps)

    def step() -> None:
        query, key, value, label = next(turns)
        memory.read(query)
        memory.write(key, value, label)

    return step


def searching(search: Callable[[Tensor], Tensor], steps: Iterable[Step]) -> Callable[[], Tensor]:
    """One search; the next step's at the next call."""
    queries = itertools.cycle([step.query for step in steps])
    return lambda: search(next(queries))


def measure_size(setting: Setting, slots: int, key_size: int) -> dict[str, Any]:
    """Microseconds of one step with the given number of slots and length of a key, and their ratios."""
    append, stack = (full_memory(setting, slots, key_size, kind) for kind in (EpisodicMemory, StackMemory))
    listed = max(1, min(setting.environments, LISTED // slots))
    plain, bare = ListMemory.copied_from(append, listed), BareSearch(append)
    steps = draw_steps(setting, slots, key_size)
    same = same_values(append, plain, bare, steps[0])
    variants: dict[str, Callable[[], float]] = {
        "append": Repeated(reading_and_writing(append, steps), setting),
        "stack": Repeated(reading_and_writing(stack, steps), setting),
        "list": Repeated(reading_and_writing(plain, steps), setting, scale=setting.environments / listed),
        "bare_topk": Repeated(searching(bare.topk, steps), setting),
        "bare_amax": Repeated(searching(bare.amax, steps), setting),
    }
    times = take_turns(variants, setting.rounds)
    return {
        "slots": slots,
        "key_size": key_size,
        "microseconds": medians(times),
        "list_measured_environments": listed,
        "list_over_append": ratio(times, "list", "append"),
        "list_over_stack": ratio(times, "list", "stack"),
        "append_over_bare_topk": ratio(times, "append", "bare_topk"),
        "append_over_bare_amax": ratio(times, "append", "bare_amax"),
        "stack_over_bare_topk": ratio(times, "stack", "bare_topk"),
        "same_values": same,
    }


def same_values(append: Memory, plain: ListMemory, bare: BareSearch, step: Step) -> float:
    """Share of the environments in which all recall one value, before a write and of the key just written.

    Below 1 the variants do not do the same work.
    """
    before = agreement(append, plain, bare, step.query)
    for memory in (append, plain):
        memory.write(step.key, step.value, step.label)
    return float((before & agreement(append, plain, bare, step.key)).float().mean())


def agreement(append: Memory, plain: ListMemory, bare: BareSearch, query: Tensor) -> Tensor:
    """`[B]` bool: all recall one value; the list counts only in its environments."""
    value, listed = append.read(query).value, plain.read(query)
    same: Tensor = (value == bare.topk(query)).all(dim=1)
    same[: len(listed)] &= (value[: len(listed)] == listed).all(dim=1)
    return same


def measure_sizes(setting: Setting, sizes: Iterable[int]) -> list[dict[str, Any]]:
    """All sizes, one after the other, so that no two need memory at once."""
    measured = []
    for slots, key_size in itertools.product(sizes, KEY_SIZES):
        measured.append(measure_size(setting, slots, key_size))
        gc.collect()
    return measured
