"""Kaiser et al.'s memory in plain Python: the paper's rule for one query, and the batch's written out."""

import math
from dataclasses import dataclass, field

Vector = list[float]

#: The matrix product's rounding: similarities closer than this are equal.
SAME = 2e-6


def unit(vector: Vector) -> Vector:
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def added(a: Vector, b: Vector) -> Vector:
    return [x + y for x, y in zip(a, b, strict=True)]


@dataclass
class Item:
    key: Vector
    value: int
    age: int = 0


@dataclass
class ListKaiser:
    """Items by slot; a slot without one is free."""

    size: int
    neighbours: int
    margin: float
    temperature: float
    items: dict[int, Item] = field(default_factory=dict)

    def nearest(self, query: Vector) -> list[tuple[float, int]]:
        """Similarity and slot, nearest first; the lowest slot among equals."""
        left = sorted((-dot(query, item.key), slot) for slot, item in self.items.items())
        found = []
        while left:
            best = min((pair for pair in left if pair[0] <= left[0][0] + SAME), key=lambda pair: pair[1])
            left.remove(best)
            found.append((-best[0], best[1]))
        return found

    def answer(self, query: Vector) -> tuple[int, float, float, int]:
        """Label, confidence, similarity and slot."""
        found = self.nearest(unit(query))
        if not found:
            return -1, 0.0, -math.inf, -1
        weights = [math.exp((s - found[0][0]) / self.temperature) for s, _ in found[: self.neighbours]]
        return self.items[found[0][1]].value, weights[0] / sum(weights), found[0][0], found[0][1]

    def hinge(self, query: Vector, label: int) -> float | None:
        """`[q.k_b - q.k_p + margin]_+` of one query; None where it has no k_p or no k_b."""
        found = self.nearest(unit(query))
        positive = [s for s, slot in found if self.items[slot].value == label]
        negative = [s for s, slot in found[: self.neighbours] if self.items[slot].value != label]
        if not positive or not negative:
            return None
        return max(0.0, negative[0] - positive[0] + self.margin)

    def loss(self, queries: list[Vector], labels: list[int]) -> float:
        hinges = [self.hinge(query, label) for query, label in zip(queries, labels, strict=True)]
        counted = [hinge for hinge in hinges if hinge is not None]
        return sum(counted) / len(counted) if counted else 0.0

    def update_one(self, query: Vector, label: int) -> None:
        """Section 2.3 of the paper, cases 1 and 2, without the random number."""
        query, found = unit(query), self.nearest(unit(query))
        if found and self.items[found[0][1]].value == label:
            slot = found[0][1]
            new = Item(unit(added(self.items[slot].key, query)), label)
        else:
            free = [slot for slot in range(self.size) if slot not in self.items]
            slot = free[0] if free else max(self.items, key=lambda slot: (self.items[slot].age, -slot))
            new = Item(query, label)
        for item in self.items.values():
            item.age += 1
        self.items[slot] = new

    def update_batch(self, queries: list[Vector], labels: list[int]) -> None:
        queries = [unit(query) for query in queries]
        nearest = [self.nearest(query)[:1] for query in queries]  # before anything changes
        for item in self.items.values():
            item.age += 1
        improved: dict[int, Vector] = {}
        wrong = []
        for query, label, found in zip(queries, labels, nearest, strict=True):
            if found and self.items[found[0][1]].value == label:
                slot = found[0][1]
                improved[slot] = added(improved.get(slot, self.items[slot].key), query)
            else:
                wrong.append(Item(query, label))
        for slot, total in improved.items():
            self.items[slot] = Item(unit(total), self.items[slot].value)
        for slot, new in zip(self._order(set(improved)), wrong[-self.size :], strict=False):
            self.items[slot] = new

    def _order(self, improved: set[int]) -> list[int]:
        free = [slot for slot in range(self.size) if slot not in self.items]
        aged = [slot for slot in self.items if slot not in improved]
        return free + sorted(aged, key=lambda slot: (-self.items[slot].age, slot)) + sorted(improved)
