"""How well an embedding finds drawings of the same class: nearest neighbours, Recall@1 and MAP@R."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import require
from episodic.metrics.class_rows import usable_embeddings

#: Similarities that are held at once.
HELD = 2**23
GROUP = 32  # others whose nearest alone is looked at first


class Neighbours(NamedTuple):
    """The k nearest others of each of Q embeddings, nearest first."""

    rows: Tensor  # [Q, k] long
    similarity: Tensor  # [Q, k], cosine


@torch.no_grad()
def nearest_neighbours(
    embeddings: Tensor, count: int, queries: Tensor | None = None, groups: Tensor | None = None
) -> Neighbours:
    """The `count` embeddings that are most similar by the cosine, the query itself left out.

    Args:
        embeddings: `[N, D]`.
        count: how many, k.
        queries: `[Q]` long, rows of `embeddings`; None takes all.
        groups: `[N]` long; the rest of a query's group is left out as well. None is each in a group of its own.

    Raises:
        InputError: fewer than `count` others.
    """
    others = len(embeddings) - (1 if groups is None else int(groups.unique(return_counts=True)[1].max()))
    require(0 < count <= others, f"count is {count}: it has to lie between 1 and {others}, the number of others")
    queries = torch.arange(len(embeddings)) if queries is None else queries
    groups = None if groups is None else groups.to(embeddings.device)
    found = [part for _, part in _in_parts(embeddings, count, queries.to(embeddings.device), groups)]
    return Neighbours(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _in_parts(
    embeddings: Tensor, count: int, queries: Tensor, groups: Tensor | None = None
) -> Iterator[tuple[Tensor, Neighbours]]:
    """Some of the queries after the other, with their neighbours."""
    unit, size = normalize(embeddings, dim=1), max(1, HELD // len(embeddings))
    padded = -(-len(unit) // GROUP) * GROUP
    # Taken once: the first touch of so much memory costs half as much as the product.
    held = unit.new_full((min(size, len(queries)), padded), float("-inf"))
    for rows in queries.split(size):
        similarity = held[: len(rows)]
        torch.mm(unit[rows], unit.T, out=similarity[:, : len(unit)])
        # By its place, not as the nearest: of two equal drawings either may come first.
        similarity.scatter_(1, rows.unsqueeze(1), float("-inf"))
        if groups is not None:
            similarity[:, : len(unit)].masked_fill_(groups[rows].unsqueeze(1) == groups, float("-inf"))
        nearest, index = largest(similarity, count)
        yield rows, Neighbours(index, nearest)


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row of `[Q, G * GROUP]`, in descending order, and their places: `[Q, count]` each.

    What `topk` gives, several times as quick where there are few to be found among many: the largest lie in those
    groups whose largest are the largest.
    """
    groups = values.shape[1] // GROUP
    if count >= groups:
        found, places = values.topk(count, dim=1)
        return found, places
    # Group g holds the places g, g + groups, g + 2 groups ...
    best = values.unflatten(1, (GROUP, groups)).amax(dim=1).topk(count, dim=1).indices
    steps = groups * torch.arange(GROUP, device=values.device)
    places = (best.unsqueeze(2) + steps).flatten(1)
    found, place = values.gather(1, places).topk(count, dim=1)
    return found, places.gather(1, place)


@torch.no_grad()
def retrieval(embeddings: Tensor, labels: Tensor, groups: Tensor | None = None) -> dict[str, Tensor]:
    """Recall@1 and MAP@R of each embedding as a query for the others of its class, by the cosine -> scalars.

    `recall_at_1` is the share of queries whose nearest neighbour is of their class. `map_at_r` is the mean of
    `1/R sum_{i=1..R} P(i) rel(i)`, where R is the number of others of the query's class, P(i) the precision among
    the i nearest and rel(i) whether the i-th is of the class: Musgrave, Belongie and Lim 2020, "A Metric Learning
    Reality Check", arXiv 2003.08505, section 3.2. Queries that are alone in their class are left out.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        groups: `[N]` long; to a query the rest of its group is not there. None is each in a group of its own.

    Raises:
        InputError: shapes that do not fit, no class with two embeddings.
    """
    points, labels = usable_embeddings(embeddings, labels)
    groups = None if groups is None else groups.to(points.device)
    others = others_of_class(labels, groups)  # R of each query
    queries = (others > 0).nonzero().squeeze(1)
    require(len(queries) > 0, f"labels name no class twice among {len(labels)} embeddings: two of one are needed")
    parts = [
        _scores(labels[found.rows] == labels[rows].unsqueeze(1), others[rows])
        for rows, found in _in_parts(points, int(others.max()), queries, groups)
    ]
    recall, precision = torch.cat(parts).mean(dim=0).unbind()
    return {"recall_at_1": recall, "map_at_r": precision}


def others_of_class(labels: Tensor, groups: Tensor | None = None) -> Tensor:
    """How many others have a row's label `[N]` long, and are not of its group `[N]` long -> `[N]`."""
    _, number, counts = labels.unique(return_inverse=True, return_counts=True)
    alike: Tensor = counts[number]
    if groups is None:
        return alike - 1
    _, within, met = torch.stack([labels, groups]).unique(dim=1, return_inverse=True, return_counts=True)
    together: Tensor = met[within]
    return alike - together


def _scores(same: Tensor, relevant: Tensor) -> Tensor:
    """Of neighbours that are of the query's class `[Q, k]` bool, and R `[Q]`: Recall@1 and MAP@R `[Q, 2]`."""
    rank = torch.arange(1, same.shape[1] + 1, device=same.device)
    hit = same & (rank <= relevant.unsqueeze(1))
    precision = hit.cumsum(dim=1).double() / rank
    return torch.stack([same[:, 0].double(), (precision * hit).sum(dim=1) / relevant], dim=1)
