"""The k most similar slots, the newest first among equals."""

import torch
from torch import Tensor

#: Similarities closer than `TIE * (1 + their size)` count as equal: the same key stored twice can come out
#: of a matrix product with different last bits.
TIE = 1e-6


def newest_nearest(similarity: Tensor, written: Tensor, k: int, slack: float = 0.0) -> tuple[Tensor, Tensor]:
    """Pick the k most similar slots of each row; where similarities tie, those written last.

    With k = 1 similarities tie that are no more than `slack` below the greatest; the similarity that comes out is then
    the greatest.

    Shapes: similarity `[B, N]` (`-inf` = free), written `[B, N]` long (time of writing, from 1; 0 = free) ->
    slots `[B, k]` long and their similarities `[B, k]`, nearest first. Where fewer than k are stored, the
    rest come out with similarity `-inf`.
    """
    if k == 1:
        best = similarity.amax(dim=1, keepdim=True)
        slot = ((similarity >= _just_below(best) - slack) * written).argmax(dim=1, keepdim=True)
        return slot, best if slack else similarity.gather(1, slot)
    last = similarity.topk(k, dim=1).values[:, -1:]
    certain = similarity > last + (last - _just_below(last))
    tied = (similarity >= _just_below(last)) & ~certain
    rank = torch.where(certain, written.amax() + written, written * tied)
    slots = rank.topk(k, dim=1).indices  # the newest first
    nearest = similarity.gather(1, slots)
    # Nearest first, and within a run of equals the newest: group the sorted similarities at gaps wider than a tie.
    order = nearest.argsort(dim=1, descending=True, stable=True)
    descending = nearest.gather(1, order)
    gap = torch.nn.functional.pad(descending[:, 1:] < _just_below(descending[:, :-1]), (1, 0))
    group = torch.empty_like(slots).scatter_(1, order, gap.long().cumsum(dim=1))
    order = group.argsort(dim=1, stable=True)
    return slots.gather(1, order), nearest.gather(1, order)


def _just_below(similarity: Tensor) -> Tensor:
    return torch.sub(similarity, similarity.abs() + 1.0, alpha=TIE)
