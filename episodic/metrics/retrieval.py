"""Retrieval of embeddings of the same class: nearest neighbours, Recall@1 and MAP@R.

pytorch-metric-learning's `AccuracyCalculator` computes the same two metrics. This module also leaves out groups (such
as a query's own episode), excludes the query by its row even among duplicates, and takes a fraction of the time.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import require
from episodic.metrics.class_rows import usable_embeddings

#: Similarities in memory at once.
HELD = 2**23
GROUP = 32  # candidates that are compared by their largest first


class Neighbours(NamedTuple):
    """The k nearest other embeddings of each of Q queries, nearest first."""

    rows: Tensor  # [Q, k] long
    similarity: Tensor  # [Q, k], cosine


@torch.no_grad()
def nearest_neighbours(
    embeddings: Tensor, count: int, queries: Tensor | None = None, groups: Tensor | None = None
) -> Neighbours:
    """Find the `count` other embeddings that are most similar to each query by the cosine.

    Args:
        embeddings: `[N, D]`.
        count: Number k of neighbours.
        queries: `[Q]` long, rows of `embeddings`; None is all.
        groups: `[N]` long; members of the query's group are left out. None leaves out only the query.

    Raises:
        InputError: There are fewer than `count` others.

    >>> nearest_neighbours(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]]), 1).rows.tolist()
    [[2], [2], [0]]
    """
    others = len(embeddings) - (1 if groups is None else int(groups.unique(return_counts=True)[1].max()))
    require(0 < count <= others, f"count is {count}: it must lie between 1 and {others}, the number of others")
    queries = torch.arange(len(embeddings)) if queries is None else queries
    groups = None if groups is None else groups.to(embeddings.device)
    chunks = [chunk for _, chunk in _in_chunks(embeddings, count, queries.to(embeddings.device), groups)]
    return Neighbours(*(torch.cat(parts) for parts in zip(*chunks, strict=True)))


def _in_chunks(
    embeddings: Tensor, count: int, queries: Tensor, groups: Tensor | None = None
) -> Iterator[tuple[Tensor, Neighbours]]:
    """Yield chunks of the queries with their neighbours."""
    unit, size = normalize(embeddings, dim=1), max(1, HELD // len(embeddings))
    padded = -(-len(unit) // GROUP) * GROUP
    # Allocated once: touching so much new memory costs half as much as the product.
    held = unit.new_full((min(size, len(queries)), padded), float("-inf"))
    for rows in queries.split(size):
        similarity = held[: len(rows)]
        torch.mm(unit[rows], unit.T, out=similarity[:, : len(unit)])
        # Excluded by its row, not as the nearest: of two equal drawings either may come first.
        similarity.scatter_(1, rows.unsqueeze(1), float("-inf"))
        if groups is not None:
            similarity[:, : len(unit)].masked_fill_(groups[rows].unsqueeze(1) == groups, float("-inf"))
        nearest, index = largest(similarity, count)
        yield rows, Neighbours(index, nearest)


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` largest of each row of `[Q, G * GROUP]`, descending, and their indices, `[Q, count]` each.

    Same result as `topk`, several times faster for a few among many: the largest lie in the groups with the largest
    maxima.

    >>> largest(torch.arange(64.0).view(1, 64), 1)[1].tolist()
    [[63]]
    """
    groups = values.shape[1] // GROUP
    if count >= groups:
        top, indices = values.topk(count, dim=1)
        return top, indices
    # Group g holds the indices g, g + groups, g + 2 groups ...
    best = values.unflatten(1, (GROUP, groups)).amax(dim=1).topk(count, dim=1).indices
    steps = groups * torch.arange(GROUP, device=values.device)
    candidates = (best.unsqueeze(2) + steps).flatten(1)
    top, position = values.gather(1, candidates).topk(count, dim=1)
    return top, candidates.gather(1, position)


@torch.no_grad()
def retrieval_metrics(embeddings: Tensor, labels: Tensor, groups: Tensor | None = None) -> dict[str, Tensor]:
    """Compute Recall@1 and MAP@R with each embedding as a query for the others of its class, by the cosine.

    `recall_at_1` is the share of queries whose nearest neighbour is of their class. `map_at_r` is the mean of
    `1/R sum_{i=1..R} P(i) rel(i)`, where R is the number of others of the query's class, P(i) the precision among
    the i nearest, and rel(i) whether the i-th is of the class: Musgrave, Belongie and Lim 2020, "A Metric Learning
    Reality Check", arXiv 2003.08505, section 3.2. Queries that are alone in their class are left out.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        groups: `[N]` long; a query is not compared with members of its group. None leaves out only the query.

    Returns:
        Scalars by name.

    Raises:
        InputError: Shapes do not fit, or no class has two embeddings.

    >>> points = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> retrieval_metrics(points, torch.tensor([0, 0, 1, 1]))["recall_at_1"].item()
    1.0
    """
    points, labels = usable_embeddings(embeddings, labels)
    groups = None if groups is None else groups.to(points.device)
    others = others_of_class(labels, groups)  # R of each query
    queries = (others > 0).nonzero().squeeze(1)
    require(len(queries) > 0, f"labels have no class twice among {len(labels)} embeddings: two of one class are needed")
    parts = [
        _scores(labels[neighbours.rows] == labels[rows].unsqueeze(1), others[rows])
        for rows, neighbours in _in_chunks(points, int(others.max()), queries, groups)
    ]
    recall, precision = torch.cat(parts).mean(dim=0).unbind()
    return {"recall_at_1": recall, "map_at_r": precision}


def others_of_class(labels: Tensor, groups: Tensor | None = None) -> Tensor:
    """Count the others that have a row's label `[N]` long and another group `[N]` long: `[N]`.

    >>> others_of_class(torch.tensor([0, 0, 1]))
    tensor([1, 1, 0])
    """
    _, number, counts = labels.unique(return_inverse=True, return_counts=True)
    alike: Tensor = counts[number]
    if groups is None:
        return alike - 1
    _, number, counts = torch.stack([labels, groups]).unique(dim=1, return_inverse=True, return_counts=True)
    together: Tensor = counts[number]
    return alike - together


def _scores(same: Tensor, relevant: Tensor) -> Tensor:
    """Compute Recall@1 and MAP@R `[Q, 2]` from whether neighbours are of the query's class `[Q, k]`, and R `[Q]`."""
    rank = torch.arange(1, same.shape[1] + 1, device=same.device)
    hit = same & (rank <= relevant.unsqueeze(1))
    precision = hit.cumsum(dim=1).double() / rank
    return torch.stack([same[:, 0].double(), (precision * hit).sum(dim=1) / relevant], dim=1)
