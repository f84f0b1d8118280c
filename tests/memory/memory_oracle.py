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


def nearest_first(similarities: dict[int, float], written: dict[int, int], k: int) -> list[int]:
    """Take the most similar slot k times over, the newest of those that are equal up to rounding."""
    left, chosen = dict(similarities), list[int]()
    while left and len(chosen) < k:
        best = max(left.values())
        equal = [slot for slot, value in left.items() if value >= best - 1e-6 * (1 + abs(best))]
        chosen.append(max(equal, key=lambda slot: written[slot]))
        del left[chosen[-1]]
    return chosen


@dataclass
class Stored:
    """What one slot holds."""

    key: Vector
    value: Vector
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
    """The episodic memory of a single environment."""

    capacity: int
    value_size: int
    kernel: str
    organisation: str
    neighbours: int
    threshold: float | None
    slots: dict[int, Stored] = field(default_factory=dict)
    time: int = 0

    def reset(self) -> None:
        self.slots, self.time = {}, 0

    def write(self, key: Vector, value: Vector, label: int) -> None:
        self.time += 1
        self.slots[self._slot_for(label)] = Stored(key, value, label, self.time, self.time)

    def _slot_for(self, label: int) -> int:
        if self.organisation == "stack":
            for slot, stored in self.slots.items():
                if stored.label == label:
                    return slot
        free = [slot for slot in range(self.capacity) if slot not in self.slots]
        if free:
            return free[0]
        if self.organisation == "append":
            return min(self.slots, key=lambda slot: self.slots[slot].written)
        # Slots that one read touched together were used at the same time; the first of them goes.
        return min(self.slots, key=lambda slot: (self.slots[slot].used, slot))

    def read(self, query: Vector) -> Found:
        self.time += 1
        near = {slot: similarity(self.kernel, query, stored.key) for slot, stored in self.slots.items()}
        written = {slot: stored.written for slot, stored in self.slots.items()}
        chosen = nearest_first(near, written, self.neighbours)
        highest = near[chosen[0]] if chosen else -math.inf
        recalled = [slot for slot in chosen if self.threshold is None or near[slot] >= self.threshold]
        if not recalled:
            return Found([0.0] * self.value_size, -1, highest, -1)
        for slot in recalled:
            self.slots[slot].used = self.time
        weights = [math.exp(near[slot]) for slot in recalled]
        value = [
            sum(w * self.slots[slot].value[i] for w, slot in zip(weights, recalled, strict=True)) / sum(weights)
            for i in range(self.value_size)
        ]
        return Found(value, self.slots[chosen[0]].label, highest, chosen[0])
