"""How well an embedding finds drawings of the same class: nearest neighbours, Recall@1 and MAP@R."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from errors import require
from networks.class_rows import usable_embeddings

#: Similarities that are held at once.
HELD = 2**23


class Neighbours(NamedTuple):
    """The k nearest others of each of Q embeddings, nearest first."""

    rows: Tensor  # [Q, k] long
    similarity: Tensor  # [Q, k], cosine


@torch.no_grad()
def nearest_neighbours(embeddings: Tensor, count: int, queries: Tensor | None = None) -> Neighbours:
    """The `count` embeddings that are most similar by the cosine, the query itself left out.

    Args:
        embeddings: `[N, D]`.
        count: how many, k.
        queries: `[Q]` long, rows of `embeddings`; None takes all.

    Raises:
        InputError: fewer than `count` others.
    """
    others = len(embeddings) - 1
    require(0 < count <= others, f"count is {count}: it has to lie between 1 and {others}, the number of others")
    unit = normalize(embeddings, dim=1)
    queries = torch.arange(len(unit), device=unit.device) if queries is None else queries.to(unit.device)
    found = [_nearest(unit, rows, count) for rows in queries.split(max(1, HELD // len(unit)))]
    return Neighbours(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _nearest(unit: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    similarity = unit[rows] @ unit.T
    # By its place, not as the nearest: of two equal drawings either may come first.
    similarity.scatter_(1, rows.unsqueeze(1), float("-inf"))
    nearest, index = similarity.topk(count, dim=1)
    return index, nearest


@torch.no_grad()
def retrieval(embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Recall@1 and MAP@R of each embedding as a query for the others of its class, by the cosine -> scalars.

    `recall_at_1` is the share of queries whose nearest neighbour is of their class. `map_at_r` is the mean of
    `1/R sum_{i=1..R} P(i) rel(i)`, where R is the number of others of the query's class, P(i) the precision among
    the i nearest and rel(i) whether the i-th is of the class: Musgrave, Belongie and Lim 2020, "A Metric Learning
    Reality Check", arXiv 2003.08505, section 3.2. Queries that are alone in their class are left out.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.

    Raises:
        InputError: shapes that do not fit, no class with two embeddings.
    """
    points, labels = usable_embeddings(embeddings, labels)
    _, number, counts = labels.unique(return_inverse=True, return_counts=True)
    others = counts[number] - 1  # R of each query
    queries = (others > 0).nonzero().squeeze(1)
    require(len(queries) > 0, f"labels name no class twice among {len(labels)} embeddings: two of one are needed")
    parts = []
    for rows in queries.split(max(1, HELD // len(points))):
        found = nearest_neighbours(points, int(others.max()), rows).rows
        parts.append(_scores(labels[found] == labels[rows].unsqueeze(1), others[rows]))
    recall, precision = torch.cat(parts).mean(dim=0).unbind()
    return {"recall_at_1": recall, "map_at_r": precision}


def _scores(same: Tensor, relevant: Tensor) -> Tensor:
    """Of neighbours that are of the query's class `[Q, k]` bool, and R `[Q]`: Recall@1 and MAP@R `[Q, 2]`."""
    rank = torch.arange(1, same.shape[1] + 1, device=same.device)
    hit = same & (rank <= relevant.unsqueeze(1))
    precision = hit.cumsum(dim=1).double() / rank
    return torch.stack([same[:, 0].double(), (precision * hit).sum(dim=1) / relevant], dim=1)
