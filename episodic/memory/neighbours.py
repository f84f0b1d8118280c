"""The k most similar slots, the newest first among equals."""

import torch
from torch import Tensor

#: Similarities closer than `TIE * (1 + their size)` count as equal: the same key in two slots can come out of a
#: matrix product with different last bits.
TIE = 1e-6


def newest_nearest(similarity: Tensor, written: Tensor, k: int, slack: float = 0.0) -> tuple[Tensor, Tensor]:
    """Pick the k most similar slots of each row, the newest ones where similarities tie.

    With k = 1, all similarities that are at most `slack` below the highest tie, and the returned similarity is the
    highest.

    >>> similarity = torch.tensor([[0.5, 0.9, 0.9]])
    >>> newest_nearest(similarity, torch.tensor([[3, 1, 2]]), 1)[0]
    tensor([[2]])

    Shapes: similarity `[B, N]` (`-inf` = free), written `[B, N]` long (time of writing, from 1; 0 = free) ->
    slots `[B, k]` long and their similarities `[B, k]`, nearest first. Where fewer than k are stored, the
    rest have similarity `-inf`.
    """
    if k == 1:
        best = similarity.amax(dim=1, keepdim=True)
        lowest = _below_tie(best) - slack if slack else _below_tie(best)
        slot = ((similarity >= lowest) * written).argmax(dim=1, keepdim=True)
        # The minimum is that of the slot; it also passes on the NaN of a row that holds one.
        return slot, best if slack else torch.minimum(similarity.gather(1, slot), best)
    last = similarity.topk(k, dim=1).values[:, -1:]
    certain = similarity > last + (last - _below_tie(last))
    tied = (similarity >= _below_tie(last)) & ~certain
    rank = torch.where(certain, written.amax() + written, written * tied)
    slots = rank.topk(k, dim=1).indices  # the newest first
    nearest = similarity.gather(1, slots)
    # Nearest first, and the newest first among equals: group the sorted similarities at gaps wider than a tie.
    order = nearest.argsort(dim=1, descending=True, stable=True)
    descending = nearest.gather(1, order)
    gap = torch.nn.functional.pad(descending[:, 1:] < _below_tie(descending[:, :-1]), (1, 0))
    group = torch.empty_like(slots).scatter_(1, order, gap.long().cumsum(dim=1))
    order = group.argsort(dim=1, stable=True)
    return slots.gather(1, order), nearest.gather(1, order)


def _below_tie(similarity: Tensor) -> Tensor:
    return torch.sub(similarity, similarity.abs() + 1.0, alpha=TIE)


def just_under(limit: float) -> float:
    """The limit less a rounding error, so that an identical key always passes the highest limit."""
    return limit - TIE * (1 + abs(limit))
