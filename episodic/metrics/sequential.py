"""Accuracy in a stream: examples of new classes one after the other, each learned once it has been answered."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import require, require_positive
from episodic.memory.kaiser_memory import EMPTY, SMALLEST_NORM, KaiserMemory
from episodic.memory.neighbours import newest_nearest
from episodic.metrics.class_rows import (
    ClassRows,
    choose_classes,
    choose_rows,
    chunk_sizes,
    class_rows,
    classes_with,
    uniform,
    usable_embeddings,
)
from episodic.metrics.few_shot import require_ways

EPISODES = 128  # at once


@torch.no_grad()
def sequential_accuracy(
    memory: KaiserMemory,
    embeddings: Tensor,
    labels: Tensor,
    *,
    ways: int,
    presentations: int,
    episodes: int,
    generator: torch.Generator | None = None,
    shuffled: bool = False,
) -> Tensor:
    """Accuracy `[episodes, presentations]` the first, second, ... time that a class is met.

    An episode is a stream of `ways` classes with `presentations` different examples of each. It begins with an
    empty memory; each example is answered first and then learned. The first time a class is met its label cannot
    be known: the accuracy is 0; that at time k + 1 is what is called k-shot. Kaiser, Nachum, Roy and Bengio 2017,
    "Learning to Remember Rare Events", arXiv 1703.03129, section 4. As in the authors' code every class is met once,
    in random order, before any is met again, so that the k-th time is against all the others.

    Every episode has a memory of its own, so that none answers with another's keys or takes its slots, and learns
    one example at a time, which is the paper's rule. One `KaiserMemory` for all would do neither.

    Args:
        memory: gives the number of slots and the noise on the ages; what it holds is neither used nor changed.
        embeddings: `[N, D]`, with the memory's key size.
        labels: `[N]` long; classes with fewer than `presentations` embeddings are left out.
        ways: classes in an episode.
        presentations: examples of each of them.
        episodes: how many are drawn.
        generator: draws them, whatever device it is on; None takes torch's global one.
        shuffled: whether the whole stream is in random order instead, as in Santoro et al. 2016, arXiv 1605.06065:
            easier, since early on few classes have been met.

    Raises:
        InputError: a number out of range, too few classes with enough embeddings, another size of key.
    """
    require_positive(presentations=presentations, episodes=episodes)
    points, labels = usable_embeddings(embeddings, labels)
    require(
        points.shape[1] == memory.key_size,
        f"embeddings have {points.shape[1]} numbers each: the memory's key_size is {memory.key_size}",
    )
    table = classes_with(class_rows(labels), presentations)
    require_ways(ways, len(table.labels), f"classes have {presentations} embeddings or more")
    points = normalize(points, dim=1)
    accuracies = []
    for size in chunk_sizes(episodes, EPISODES):
        rows, turns = draw_streams(table, ways, presentations, size, generator, shuffled)
        right = _play(memory, points, rows, turns // presentations, generator)
        in_turn = torch.empty_like(right).scatter_(1, turns, right)
        accuracies.append(in_turn.view(size, ways, presentations).to(points.dtype).mean(dim=1))
    return torch.cat(accuracies)


def draw_streams(
    table: ClassRows,
    ways: int,
    presentations: int,
    episodes: int,
    generator: torch.Generator | None,
    shuffled: bool = False,
) -> tuple[Tensor, Tensor]:
    """Random streams of T = ways * presentations examples: their rows `[E, T]`, and their turns `[E, T]`.

    The turn w * presentations + k, k from 0, is that of the (k + 1)-th example of an episode's class w.
    """
    allowed = table.counts.new_ones(1, dtype=torch.bool).expand(episodes, len(table.counts))
    chosen = choose_rows(table, choose_classes(allowed, ways, generator), presentations, generator)
    when = uniform(chosen, generator)  # [E, W, K]
    # Its examples are drawn at random: which of a class's comes first, second ... is free to say.
    rounds = torch.arange(presentations, device=when.device)
    when = when.sort(dim=2).values if shuffled else when + rounds
    turns = when.flatten(1).argsort(dim=1, stable=True)
    return chosen.flatten(1).gather(1, turns), turns


def _play(
    memory: KaiserMemory, points: Tensor, rows: Tensor, labels: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Whether each example of the streams `[E, T]` is answered right -> `[E, T]` bool."""
    # A step takes one slot at most, the lowest that is free: more slots than steps are never reached.
    slots = min(memory.memory_size, rows.shape[1])
    memories = ParallelMemories(points.new_zeros(len(rows), slots, points.shape[1]), memory.age_noise)
    right = [memories.step(points[row], label, generator) == label for row, label in zip(rows.T, labels.T, strict=True)]
    return torch.stack(right, dim=1)


class ParallelMemories:
    """E of Kaiser's memories, each of which answers and learns one query at a time.

    Each does exactly what `KaiserMemory` does with a batch of one.

    Args:
        keys: `[E, N, K]`, zeros, of the type and on the device of the queries to come.
        age_noise: as in `KaiserMemory`.
    """

    def __init__(self, keys: Tensor, age_noise: float = 0.0) -> None:
        self.keys, self.age_noise = keys, age_noise
        self.values = torch.full(keys.shape[:2], EMPTY, device=keys.device)
        self.ages = torch.zeros_like(self.values)
        self._every = torch.arange(len(keys), device=keys.device)
        self._lowest_first = torch.arange(keys.shape[1], 0, -1, device=keys.device)

    def step(self, unit: Tensor, label: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Answer unit queries `[E, K]` -> `[E]` long, EMPTY where nothing is stored; then learn their labels >= 0."""
        similarity = (self.keys @ unit.unsqueeze(2)).squeeze(2)
        occupied = self.values != EMPTY
        slot = newest_nearest(similarity.masked_fill(~occupied, float("-inf")), occupied * self._lowest_first, 1)[0]
        slot = slot.squeeze(1)
        answer = self.values[self._every, slot]
        right = answer == label
        slot = torch.where(right, slot, self._oldest(generator))
        self._write(slot, torch.where(right.unsqueeze(1), self._averaged(slot, unit), unit), label)
        return answer

    def _averaged(self, slot: Tensor, unit: Tensor) -> Tensor:
        key = self.keys[self._every, slot]
        total = key + unit
        length = torch.linalg.vector_norm(total, dim=1, keepdim=True)
        return torch.where(length > SMALLEST_NORM, total / length, key)

    def _oldest(self, generator: torch.Generator | None) -> Tensor:
        """The slot `[E]` to be written over: the lowest that is free, else the oldest."""
        age = self.ages.double()
        if self.age_noise > 0:
            age = age + 2 * self.age_noise * uniform(self.ages, generator)
        return age.masked_fill(self.values == EMPTY, float("inf")).argmax(dim=1)  # the first among equals

    def _write(self, slot: Tensor, key: Tensor, label: Tensor) -> None:
        self.ages += 1
        self.keys[self._every, slot] = key
        self.values[self._every, slot] = label
        self.ages[self._every, slot] = 0
