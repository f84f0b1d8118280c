"""Particles: what a player believes about which episodes were of one context."""

from typing import NamedTuple

import torch
from torch import Tensor


class Particles(NamedTuple):
    """P weighted guesses which of S slots each episode so far belonged to, and what follows from each guess."""

    log_weight: Tensor  # [B, P]
    counts: Tensor  # [B, P, S] episodes of each slot
    arms: Tensor  # [B, P, S, A] probability of each arm to be the slot's best
    bits: Tensor  # [B, P, S, K] belief about the slot's barcode, see `CodeBelief`

    def pick(self, parent: Tensor, log_weight: Tensor) -> "Particles":
        """Return the particles `parent` `[B, P']` long, with these weights `[B, P']`."""
        rows = torch.arange(len(parent), device=parent.device).unsqueeze(1)
        return Particles(log_weight, *(part[rows, parent] for part in self[1:]))


def context_prior(counts: Tensor, exposures: int, *, named: bool) -> Tensor:
    """Log probability `[B, P, S]` of each slot to come next out of a bag with `exposures` of each of S contexts.

    Args:
        counts: `[B, P, S]`, episodes of each slot so far.
        exposures: X, of each context.
        named: slots are known contexts, of which any may come next; otherwise a new one takes the first free slot.
    """
    left = exposures - counts
    if not named:
        seen, slots = counts > 0, torch.arange(counts.shape[2], device=counts.device)
        distinct = seen.sum(dim=2, keepdim=True)
        left = torch.where(seen, left, (len(slots) - distinct) * exposures * (slots == distinct))
    left = left.double().clamp_min(0.0)  # below 0 in guesses without weight
    return (left / left.sum(dim=2, keepdim=True).clamp_min(1.0)).log()


def resample(log_weight: Tensor, count: int, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Select `count` of M weighted particles without replacement: heavy ones for certain, light ones by chance.

    The optimal resampling of Fearnhead and Clifford (2003, "On-line inference for hidden Markov models via particle
    filters"): particle i stays with probability `min(1, w_i / c)`, where c makes these sum to `count`, and then has
    weight `max(w_i, c)`. So the expected weight of each is what it was.

    Args:
        log_weight: `[B, M]`.
        count: at most M.
        uniform: `[B, 1]`, random numbers in [0, 1).

    Returns:
        Indices `[B, count]` long and log weights `[B, count]`; `-inf` where fewer have any weight.
    """
    weight = torch.softmax(log_weight, dim=1)
    ordered, _ = weight.sort(dim=1)
    rest = ordered.cumsum(dim=1).flip(1)[:, :count]  # weight of a particle and all lighter ones, the heaviest first
    ordered = ordered.flip(1)[:, :count]
    level = rest / torch.arange(count, 0, -1, device=weight.device)
    certain = (ordered > level).long().cumprod(dim=1).sum(dim=1, keepdim=True).clamp_max(count - 1)
    level = level.gather(1, certain).clamp_min(torch.finfo(weight.dtype).tiny)
    stays = (weight / level).clamp_max(1.0)
    bound = stays.cumsum(dim=1)
    point = uniform + torch.arange(count, device=weight.device)
    index = torch.searchsorted(bound, point, right=True).clamp_max(weight.shape[1] - 1)
    kept = torch.maximum(weight.gather(1, index), level)
    return index, torch.where(point < bound[:, -1:], kept, 0.0).log()
