"""Few-shot accuracy of an embedding: new classes, distinguished by a few examples each."""

from collections.abc import Iterable

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
#: Ways and shots of the metrics of each split.
FEW_SHOT = {"val": ((20, 1),), "test": ((5, 1), (5, 5), (20, 1), (20, 5))}


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
    """Classify queries among `ways` classes by the means of `shots` examples of each: accuracies `[episodes]`.

    An episode draws its classes, and for each class `shots` examples and `queries` queries, all without replacement.
    A query is assigned to the class of the nearest mean. Snell, Swersky and Zemel 2017, "Prototypical Networks for
    Few-shot Learning", arXiv 1703.05175, eq. 1 and 2.

    Differs from the paper: `cosine` is the default, because the encoders here are trained and the memories are
    searched by the cosine. The paper's Euclidean distance favours classes whose examples disagree, since the mean of
    unit vectors is then shorter. With one shot and unit embeddings both are the same.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long; classes with fewer than `shots + queries` embeddings are left out.
        ways: Classes in an episode.
        shots: Labelled examples of each class.
        episodes: Number of episodes.
        generator: Random generator on any device; None is torch's global one.
        queries: Queries of each class.
        metric: `cosine` between means of unit embeddings, or `euclidean` between means of the embeddings.

    Raises:
        InputError: A number is out of range, the metric is unknown, or too few classes have enough embeddings.

    >>> points, labels = torch.eye(2).repeat(3, 1), torch.arange(2).repeat(3)
    >>> few_shot_accuracy(points, labels, ways=2, shots=1, episodes=3)
    tensor([1., 1., 1.])
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
    """Whether queries `[E, W, Q, D]` are nearest to the mean of their own class in `support` `[E, W, K, D]`.

    Returns:
        `[E, W, Q]` bool.

    >>> classified_right(torch.eye(2).view(1, 2, 1, 2), torch.eye(2).view(1, 2, 1, 2), "cosine").tolist()
    [[[True], [True]]]
    """
    ways = support.shape[1]
    if metric == "cosine":
        mean = normalize(normalize(support, dim=-1).mean(dim=2), dim=-1)
        nearness = normalize(query, dim=-1).flatten(1, 2) @ mean.mT
    else:
        # Without a matrix product, which loses small distances between long vectors.
        distance = torch.cdist(
            query.flatten(1, 2), support.mean(dim=2), compute_mode="donot_use_mm_for_euclid_dist"
        )  # [E, W * Q, W]
        nearness = -distance
    predicted: Tensor = nearness.argmax(dim=-1).view(len(query), ways, -1)
    return predicted == torch.arange(ways, device=predicted.device).unsqueeze(1)


def require_ways(ways: int, available: int, which: str) -> None:
    """Raise `InputError` unless an episode can have `ways` classes."""
    require(
        2 <= ways <= available,
        f"ways is {ways}: it must lie between 2 and the number of classes, and {available} {which}",
    )


def few_shot_metrics(
    embeddings: Tensor,
    labels: Tensor,
    settings: Iterable[tuple[int, int]],
    episodes: int,
    metric: str = "cosine",
) -> dict[str, Tensor]:
    """Compute mean few-shot accuracies, scalars with names such as `20way_1shot`.

    See `few_shot_accuracy`. A setting always uses the same episodes. Settings with too few
    classes of `shots + 1` embeddings are left out.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        settings: Ways and shots of each metric.
        episodes: Episodes that each mean is over.
        metric: `cosine` or `euclidean`.

    Raises:
        InputError: A number is out of range or the metric is unknown.

    >>> few_shot_metrics(torch.eye(2).repeat(3, 1), torch.arange(2).repeat(3), [(2, 1), (20, 1)], episodes=5)
    {'2way_1shot': tensor(1.)}
    """
    table = class_rows(labels)
    possible = [(ways, shots) for ways, shots in settings if ways <= len(classes_with(table, shots + 1).labels)]
    return {
        f"{ways}way_{shots}shot": few_shot_accuracy(
            embeddings,
            labels,
            ways=ways,
            shots=shots,
            episodes=episodes,
            generator=torch.Generator().manual_seed(ways * 100 + shots),
            metric=metric,
        ).mean()
        for ways, shots in possible
    }
