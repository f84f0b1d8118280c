"""Accuracy in a stream: a learner answers each example of new classes first and then learns it."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import require_positive
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


class StreamLearners(Protocol):
    """E learners side by side, such as `episodic.memory.parallel_kaiser.ParallelKaiserMemories`."""

    def step(self, unit: Tensor, label: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Answer one unit query each `[E, D]` with a label `[E]` long, then learn the true labels `[E]` long."""


@torch.no_grad()
def sequential_accuracy(
    new_learners: Callable[[Tensor], StreamLearners],
    embeddings: Tensor,
    labels: Tensor,
    *,
    ways: int,
    presentations: int,
    episodes: int,
    generator: torch.Generator | None = None,
    shuffled: bool = False,
) -> Tensor:
    """Compute the accuracy `[episodes, presentations]` at the first, second, ... presentation of a class.

    An episode is a stream of `ways` classes with `presentations` different examples of each. It starts with an empty
    learner, which answers each example and then learns it. At its first presentation the label of a class cannot be
    known, so the accuracy is 0; that at presentation k + 1 is called k-shot. Kaiser, Nachum, Roy and Bengio 2017,
    "Learning to Remember Rare Events", arXiv 1703.03129, section 4. As in the authors' code, every class is presented
    once, in random order, before any is presented again.

    Args:
        new_learners: Builds E empty learners from E x T free slots, zeros `[E, T, D]`: one slot for each example.
        embeddings: `[N, D]`.
        labels: `[N]` long; classes with fewer than `presentations` embeddings are left out.
        ways: Classes in an episode.
        presentations: Examples of each class.
        episodes: Number of episodes.
        generator: Random generator on any device; None is torch's global one.
        shuffled: Whether the whole stream is in random order, as in Santoro et al. 2016, arXiv 1605.06065. This is
            easier, since few classes have been presented early on.

    Raises:
        InputError: A number is out of range, or too few classes have enough embeddings.

    >>> from episodic.memory.parallel_kaiser import ParallelKaiserMemories
    >>> points, labels = torch.eye(3).repeat(2, 1), torch.arange(3).repeat(2)
    >>> sequential_accuracy(ParallelKaiserMemories, points, labels, ways=2, presentations=2, episodes=1)
    tensor([[0., 1.]])
    """
    require_positive(presentations=presentations, episodes=episodes)
    points, labels = usable_embeddings(embeddings, labels)
    table = classes_with(class_rows(labels), presentations)
    require_ways(ways, len(table.labels), f"classes have {presentations} embeddings or more")
    points = normalize(points, dim=1)
    accuracies = []
    for size in chunk_sizes(episodes, EPISODES):
        rows, turns = draw_streams(table, ways, presentations, size, generator, shuffled)
        learners = new_learners(points.new_zeros(*rows.shape, points.shape[1]))
        right = _play(learners, points, rows, turns // presentations, generator)
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
    """Draw random streams of T = ways * presentations examples: their rows `[E, T]` and turns `[E, T]`.

    Turn w * presentations + k, with k from 0, is the (k + 1)-th presentation of an episode's class w.

    >>> table = class_rows(torch.tensor([0, 0, 1, 1]))
    >>> draw_streams(table, 2, 2, 1, torch.Generator().manual_seed(0))[1]
    tensor([[2, 0, 3, 1]])
    """
    allowed = table.counts.new_ones(1, dtype=torch.bool).expand(episodes, len(table.counts))
    chosen = choose_rows(table, choose_classes(allowed, ways, generator), presentations, generator)
    when = uniform(chosen, generator)  # [E, W, K]
    # The examples of a class are drawn in random order already, so their times may be sorted.
    rounds = torch.arange(presentations, device=when.device)
    when = when.sort(dim=2).values if shuffled else when + rounds
    turns = when.flatten(1).argsort(dim=1, stable=True)
    return chosen.flatten(1).gather(1, turns), turns


def _play(
    learners: StreamLearners, points: Tensor, rows: Tensor, labels: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Whether each example of the streams `[E, T]` is answered right: `[E, T]` bool."""
    right = [learners.step(points[row], label, generator) == label for row, label in zip(rows.T, labels.T, strict=True)]
    return torch.stack(right, dim=1)
