"""Likelihood of a noisy cue: of barcodes that the player knows, or that it infers."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

#: Keeps a belief from certainty, so that a rare event (a flip that was undone) does not rule everything out.
SMALLEST = 1e-9


class FlipModel(NamedTuple):
    """How bits are flipped: exactly `flips` of K bits, or each with probability `rate` where `flips` is None."""

    rate: float
    flips: int | None


class CodeBelief(Protocol):
    """What a player believes about the barcode of each of S slots; `bits` `[B, P, S, K]` are its own, per particle."""

    slots: int  # S

    def start(self, batch: int) -> Tensor:
        """Return the belief before the first cue, with one particle: `[B, 1, S, K]`, or K = 0 if there is none."""
        ...

    def log_likelihood(self, cue: Tensor, bits: Tensor, counts: Tensor) -> Tensor:
        """Return the log likelihood `[B, P, S]` of cues `[B, K]`; `counts` `[B, P, S]` are the slots' episodes so far.

        A slot without episodes stands for a context that the block has not shown yet.
        """
        ...

    def update(self, cue: Tensor, bits: Tensor, first: Tensor) -> Tensor:
        """Return the belief `[B, P, K]` of each particle's slot after a cue `[B, K]` of it; `first` `[B, P]` bool."""
        ...


class KnownCodes:
    """The player knows the possible barcodes, one for each slot.

    Args:
        codes: `[B, S, K]`.
        model: how bits are flipped.
    """

    def __init__(self, codes: Tensor, model: FlipModel) -> None:
        self.codes, self.model, self.slots = codes, model, codes.shape[1]

    def start(self, batch: int) -> Tensor:
        return self.codes.new_zeros(batch, 1, self.slots, 0, dtype=torch.float64)

    def log_likelihood(self, cue: Tensor, bits: Tensor, counts: Tensor) -> Tensor:
        """Exact flips: all codes at that distance are equally likely, and a flip to the all-zero code is undone."""
        size, rate, flips = self.codes.shape[2], self.model.rate, self.model.flips
        distance = (cue.unsqueeze(1) - self.codes).abs().sum(dim=2).double()  # [B, S]
        if flips is None:
            log = distance * math.log(rate) + (size - distance) * math.log(1 - rate)
            return log.unsqueeze(1)
        likelihood = (distance == flips).double()
        if flips:
            # All ones of the code were flipped, and one of them, drawn evenly, was flipped back.
            undone = (cue.sum(dim=1, keepdim=True) == 1) & (self.codes.sum(dim=2) == flips) & (distance == flips - 1)
            likelihood = likelihood + undone.double() / flips
        return (likelihood.log() - math.log(math.comb(size, flips))).unsqueeze(1)

    def update(self, cue: Tensor, bits: Tensor, first: Tensor) -> Tensor:
        return bits


class InferredCodes:
    """The player knows nothing of the barcodes, but that they are distinct: it infers each from its noisy copies.

    The belief is one probability for each bit. If each bit is flipped independently, this is exact for one context. If
    exactly m bits are flipped, the likelihood is that of m different bits (a Poisson-binomial distribution), and the
    belief is projected onto independent bits after each cue (assumed density filtering). This projection forgets the
    parity of the code, which is kept as one more number: all copies of a code have the same parity.

    Args:
        contexts: number of slots S.
        bits: K.
        model: how bits are flipped.
    """

    def __init__(self, contexts: int, bits: int, model: FlipModel) -> None:
        self.slots, self.size, self.model = contexts, bits, model

    def start(self, batch: int) -> Tensor:
        """Return `[B, 1, S, K + 1]`: probabilities of a one, and the parity of the slot's cues."""
        return torch.full((batch, 1, self.slots, self.size + 1), 0.5, dtype=torch.float64)

    def log_likelihood(self, cue: Tensor, bits: Tensor, counts: Tensor) -> Tensor:
        seen = counts > 0
        differ = _differ(cue[:, None, None], bits[..., :-1])
        if self.model.flips is None:
            rate = self.model.rate
            likelihood = (differ * rate + (1 - differ) * (1 - rate)).prod(dim=-1)
        else:
            likelihood = _count_of(differ, self.model.flips)[..., -1] / math.comb(self.size, self.model.flips)
            sign = (-1) ** self.model.flips
            even = (0.5 * (1 + sign * (1 - 2 * differ).prod(dim=-1))).clamp_min(SMALLEST)
            matches = bits[..., -1] == _parity(cue)[:, None, None]
            likelihood = torch.where(matches, likelihood / even, likelihood * SMALLEST)
        # A new context has none of the codes that are taken: what they leave of all cues, spread over the free codes.
        taken = (likelihood * seen).sum(dim=2, keepdim=True)
        fresh = (1 - taken).clamp_min(SMALLEST) / (2.0**self.size - seen.sum(dim=2, keepdim=True))
        return torch.where(seen, likelihood, fresh).log()

    def update(self, cue: Tensor, bits: Tensor, first: Tensor) -> Tensor:
        rate, flips = self.model.rate, self.model.flips
        one = torch.where(first.unsqueeze(2), 0.5, bits[..., :-1])
        differ = _differ(cue.unsqueeze(1), one)
        if flips is None:
            after = differ * rate / (differ * rate + (1 - differ) * (1 - rate))
        else:
            after = _given_count(differ, flips)
        after = after.clamp(SMALLEST, 1 - SMALLEST)
        one = torch.where(cue.unsqueeze(1) > 0.5, 1 - after, after)
        parity = torch.where(first, _parity(cue).unsqueeze(1), bits[..., -1])
        return torch.cat([one, parity.unsqueeze(2)], dim=2)


def _differ(cue: Tensor, one: Tensor) -> Tensor:
    """Probability that a code, whose bits are ones with these probabilities, differs from a cue in each bit."""
    return torch.where(cue > 0.5, 1 - one, one)


def _parity(cue: Tensor) -> Tensor:
    return cue.double().sum(dim=-1) % 2


def _count_of(differ: Tensor, count: int) -> Tensor:
    """Probabilities of 0 to `count` ones among independent bits `[..., K]`: `[..., count + 1]`."""
    return _running_counts(differ, count)[-1]


def _running_counts(differ: Tensor, count: int) -> list[Tensor]:
    """`_count_of` the first 0, 1, ..., K bits."""
    counts = differ.new_zeros(*differ.shape[:-1], count + 1)
    counts[..., 0] = 1.0
    running = [counts]
    for bit in differ.unsqueeze(-1).unbind(dim=-2):
        running.append(running[-1] * (1 - bit))
        running[-1][..., 1:] += running[-2][..., :-1] * bit
    return running


def _given_count(differ: Tensor, count: int) -> Tensor:
    """Probability of each bit `[..., K]` to be one, given that exactly `count` of them are."""
    if count == 0:
        return torch.zeros_like(differ)
    before = _running_counts(differ, count)
    after = _running_counts(differ.flip(-1), count)[::-1]
    total = before[-1][..., -1:].clamp_min(torch.finfo(differ.dtype).tiny)
    # The others have count - 1 ones, j of them before the bit and the rest after it.
    others = [(before[k][..., :count] * after[k + 1][..., :count].flip(-1)).sum(-1) for k in range(differ.shape[-1])]
    return differ * torch.stack(others, dim=-1) / total
