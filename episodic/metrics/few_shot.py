"""Few-shot accuracy of an embedding: classes that it was not trained on, told apart by a few examples each."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import require, require_choice, require_positive
from episodic.metrics.class_rows import (
    choose_classes,
    choose_rows,
    chunk_sizes,
    class_rows,
    classes_with,
    usable_embeddings,
)

METRICS = ("cosine", "euclidean")
EPISODES = 128  # at once


@torch.no_grad()
def few_shot_accuracy(
    embeddings: Tensor,
    labels: Tensor,
    *,
    ways: int,
    shots: int,
    episodes: int,
    generator: torch.Generator | None = None,
    queries: int = 1,
    metric: str = "cosine",
) -> Tensor:
    """Accuracy `[episodes]` at telling `ways` classes apart by the means of `shots` examples of each.

    An episode draws its classes, and of each `shots` examples and `queries` others, all without replacement. A
    query gets the class of the nearest mean. Snell, Swersky and Zemel 2017, "Prototypical Networks for Few-shot
    Learning", arXiv 1703.05175, eq. 1 and 2.

    Differs from the paper: `cosine` is the default. The encoders here are trained, and the memories searched, by
    the cosine, which looks at directions alone; the paper's distance favours a class whose examples disagree, since
    the mean of unit vectors is shorter the more they do. With one shot and unit embeddings the two are the same.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long; classes with fewer than `shots + queries` embeddings are left out.
        ways: classes in an episode.
        shots: examples of each class that are given with their label.
        episodes: how many are drawn.
        generator: draws them, whatever device it is on; None takes torch's global one.
        queries: examples of each class that are asked for.
        metric: `cosine` between means of unit embeddings, or `euclidean` between means of the embeddings as
            they are.

    Raises:
        InputError: a number out of range, an unknown metric, too few classes with enough embeddings.
    """
    require_choice("metric", metric, METRICS)
    require_positive(shots=shots, queries=queries, episodes=episodes)
    points, labels = usable_embeddings(embeddings, labels)
    table = classes_with(class_rows(labels), shots + queries)
    require_ways(ways, len(table.labels), f"classes have {shots + queries} embeddings or more")
    accuracies = []
    for size in chunk_sizes(episodes, EPISODES):
        allowed = table.counts.new_ones(1, dtype=torch.bool).expand(size, len(table.counts))
        classes = choose_classes(allowed, ways, generator)
        examples = points[choose_rows(table, classes, shots + queries, generator)]
        right = classified_right(examples[:, :, :shots], examples[:, :, shots:], metric)
        accuracies.append(right.to(points.dtype).mean(dim=(1, 2)))
    return torch.cat(accuracies)


def classified_right(support: Tensor, query: Tensor, metric: str) -> Tensor:
    """Whether the nearest mean of `[E, W, K, D]` is that of a query's own class: `[E, W, Q, D]` -> `[E, W, Q]` bool."""
    ways = support.shape[1]
    if metric == "cosine":
        mean = normalize(normalize(support, dim=-1).mean(dim=2), dim=-1)
        nearness = normalize(query, dim=-1).flatten(1, 2) @ mean.mT
    else:
        # Not by way of a matrix product, which loses small distances between long vectors.
        distance = torch.cdist(
            query.flatten(1, 2), support.mean(dim=2), compute_mode="donot_use_mm_for_euclid_dist"
        )  # [E, W * Q, W]
        nearness = -distance
    found: Tensor = nearness.argmax(dim=-1).view(len(query), ways, -1)
    return found == torch.arange(ways, device=found.device).unsqueeze(1)


def require_ways(ways: int, available: int, which: str) -> None:
    """Raise `InputError` unless an episode can have `ways` classes."""
    require(
        2 <= ways <= available,
        f"ways is {ways}: it has to lie between 2 and the number of classes, and {available} {which}",
    )
