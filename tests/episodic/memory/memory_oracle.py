"""What the tests of the memory share: an episodic memory of plain Python lists, and the devices to test on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch

DEVICES = [
    pytest.param("cpu"),
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]

Vector = Sequence[float]


def similarity(kernel: str, a: Vector, b: Vector) -> float:
    """The kernels, from their definitions, in double precision."""
    if kernel == "l2":
        return -math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
    if kernel == "l1":
        return -sum(abs(x - y) for x, y in zip(a, b, strict=True))
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms > 0 else 0.0


def nearest_first(similarities: dict[int, float], written: dict[int, int], k: int, slack: float = 0.0) -> list[int]:
    """Take the most similar slot k times over, the newest of those that are equal up to slack and rounding."""
    left, chosen = dict(similarities), list[int]()
    while left and len(chosen) < k:
        best = max(left.values())
        equal = [slot for slot, value in left.items() if value >= best - slack - 1e-6 * (1 + abs(best))]
        chosen.append(max(equal, key=lambda slot: written[slot]))
        del left[chosen[-1]]
    return chosen


def shares(weighting: str, kernel: str, similarities: Vector, temperature: float) -> list[float]:
    """How much each of the recalled neighbours counts, from the definitions; the shares sum to 1."""
    if weighting == "softmax":
        raw = [math.exp(near / temperature) for near in similarities]
    else:
        squares = [2 * (1 - near) if kernel == "cosine" else near * near for near in similarities]
        raw = [1 / (square + 0.001) for square in squares]
    return [one / sum(raw) for one in raw]


def merged(rule: str, vectors: Sequence[Vector], returns: Vector, rate: float) -> list[float]:
    """All the vectors that were written to a stack made into one; for `average` see `averaged_key` too."""
    count = len(vectors)
    if rule == "best_return":
        best = max(range(count), key=lambda index: (returns[index], index))
        return list(vectors[best])
    if rule == "latest":
        return list(vectors[-1])
    if rule == "mean":
        weights = [1 / count] * count
    else:  # of a moving average every write keeps what the later ones left of it
        rate = 0.5 if rule == "average" else rate
        weights = [(rate if index else 1.0) * (1 - rate) ** (count - 1 - index) for index in range(count)]
    return [sum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*vectors, strict=True)]


def averaged_key(keys: Sequence[Vector]) -> list[float]:
    """The key of a stack under `average`: one key as it is, more at unit length."""
    stored = list(keys[0])
    for key in keys[1:]:
        stored = _unit([a + b for a, b in zip(_unit(stored), _unit(key), strict=True)])
    return stored


def _unit(vector: Vector) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector] if length > 0 else list(vector)


@dataclass
class Stored:
    """What one slot holds: everything that was written to it since it was taken."""

    keys: list[Vector]
    values: list[Vector]
    returns: list[float]
    label: int
    written: int
    used: int


@dataclass
class Found:
    """What one environment recalls."""

    value: Vector
    label: int
    similarity: float
    slot: int


@dataclass
class ListMemory:
    """The memory of a single environment; its options are those of `EpisodicMemory` and `StackMemory`."""

    capacity: int
    value_size: int
    kernel: str = "cosine"
    organisation: str = "append"
    neighbours: int = 1
    threshold: float | None = None
    key_update: str = "latest"
    value_update: str = "latest"
    update_rate: float = 0.5
    match_above: float | None = None
    weighting: str = "softmax"
    temperature: float = 1.0
    slack: float = 0.0
    slots: dict[int, Stored] = field(default_factory=dict)
    time: int = 0

    def reset(self) -> None:
        self.slots, self.time = {}, 0

    def write(self, key: Vector, value: Vector, label: int | None = None, returns: float = 0.0) -> None:
        self.time += 1
        slot = self._stack_of(key, label) if self.organisation == "stack" else None
        if slot is None:
            slot = self._slot_to_take()
            self.slots[slot] = Stored([], [], [], label=-1, written=0, used=0)
        stored = self.slots[slot]
        stored.keys.append(key)
        stored.values.append(value)
        stored.returns.append(returns)
        stored.label = slot if label is None else label
        stored.written = stored.used = self.time

    def _stack_of(self, key: Vector, label: int | None) -> int | None:
        if self.match_above is None:
            return next((slot for slot, stored in self.slots.items() if stored.label == label), None)
        near, nearest = self._nearest(key, 1)
        return nearest[0] if nearest and near[nearest[0]] >= self.match_above else None

    def _slot_to_take(self) -> int:
        free = [slot for slot in range(self.capacity) if slot not in self.slots]
        if free:
            return free[0]
        if self.organisation == "append":
            return min(self.slots, key=lambda slot: self.slots[slot].written)
        # Slots that one read touched together were used at the same time; the first of them goes.
        return min(self.slots, key=lambda slot: (self.slots[slot].used, slot))

    def key(self, slot: int) -> list[float]:
        stored = self.slots[slot]
        if self.key_update == "average":
            return averaged_key(stored.keys)
        return merged(self.key_update, stored.keys, stored.returns, self.update_rate)

    def value(self, slot: int) -> list[float]:
        stored = self.slots[slot]
        return merged(self.value_update, stored.values, stored.returns, self.update_rate)

    def _nearest(self, query: Vector, k: int, slack: float = 0.0) -> tuple[dict[int, float], list[int]]:
        near = {slot: similarity(self.kernel, query, self.key(slot)) for slot in self.slots}
        written = {slot: stored.written for slot, stored in self.slots.items()}
        return near, nearest_first(near, written, k, slack)

    def read(self, query: Vector) -> Found:
        self.time += 1
        near, chosen = self._nearest(query, self.neighbours, self.slack)
        highest = max(near.values(), default=-math.inf)
        passed = near if self.neighbours > 1 else dict.fromkeys(chosen, highest)  # of a single one the nearest decides
        recalled = [slot for slot in chosen if self.threshold is None or passed[slot] >= self.threshold]
        if not recalled:
            return Found([0.0] * self.value_size, -1, highest, -1)
        for slot in recalled:
            self.slots[slot].used = self.time
        weights = shares(self.weighting, self.kernel, [near[slot] for slot in recalled], self.temperature)
        values = [self.value(slot) for slot in recalled]
        value = [sum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*values, strict=True)]
        return Found(value, self.slots[chosen[0]].label, highest, chosen[0])
