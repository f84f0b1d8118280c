"""Likelihood of a noisy cue: of barcodes that the player knows, or that it infers."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

#: Keeps a belief from certainty, so that a rare event (a flip that was undone) does not rule everything out.
SMALLEST = 1e-9
#: Lowest log likelihood: where all guesses are wrong, the least wrong ones go on.
LOWEST = -60.0


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

        A slot without episodes is a context that the block has not shown yet.
        """
        ...

    def update(self, cue: Tensor, bits: Tensor, counts: Tensor, slot: Tensor) -> Tensor:
        """Return the belief `[B, P, K]` about one slot `[B, P]` of each particle after a cue `[B, K]` of it."""
        ...


def cue_log_likelihood(cue: Tensor, codes: Tensor, model: FlipModel) -> Tensor:
    """Log likelihood `[B, V]` of cues `[B, K]` under codes `[B or 1, V, K]`; never below LOWEST.

    With exactly m flips all codes at that distance are equally likely, and a flip to the all-zero code is undone.
    """
    size, rate, flips = codes.shape[2], model.rate, model.flips
    distance = (cue.unsqueeze(1) - codes).abs().sum(dim=2).double()
    if flips is None:
        return (distance * math.log(rate) + (size - distance) * math.log(1 - rate)).clamp_min(LOWEST)
    likelihood = (distance == flips).double()
    if flips:
        # All ones of the code were flipped, and one of them, drawn evenly, was flipped back.
        undone = (cue.sum(dim=1, keepdim=True) == 1) & (codes.sum(dim=2) == flips) & (distance == flips - 1)
        likelihood = likelihood + undone.double() / flips
    return (likelihood.log() - math.log(math.comb(size, flips))).clamp_min(LOWEST)


class KnownCodes:
    """The player knows the barcode of each slot.

    Args:
        codes: `[B, S, K]`.
        model: how bits are flipped.
    """

    def __init__(self, codes: Tensor, model: FlipModel) -> None:
        self.codes, self.model, self.slots = codes, model, codes.shape[1]

    def start(self, batch: int) -> Tensor:
        return self.codes.new_zeros(batch, 1, self.slots, 0, dtype=torch.float64)

    def log_likelihood(self, cue: Tensor, bits: Tensor, counts: Tensor) -> Tensor:
        return cue_log_likelihood(cue, self.codes, self.model).unsqueeze(1)

    def update(self, cue: Tensor, bits: Tensor, counts: Tensor, slot: Tensor) -> Tensor:
        return _of_slot(bits, slot)


class ListedCodes:
    """The player knows a list of V barcodes that has all of the block's, and infers which of them each slot has.

    The belief is a probability for each code of the list. A new context has a code that no other one has.

    Args:
        contexts: number of slots S.
        codes: `[V, K]`.
        model: how bits are flipped.
    """

    def __init__(self, contexts: int, codes: Tensor, model: FlipModel) -> None:
        self.slots, self.codes, self.model = contexts, codes.unsqueeze(0), model

    def start(self, batch: int) -> Tensor:
        return self.codes.new_zeros(batch, 1, self.slots, self.codes.shape[1], dtype=torch.float64)

    def log_likelihood(self, cue: Tensor, bits: Tensor, counts: Tensor) -> Tensor:
        likelihood = cue_log_likelihood(cue, self.codes, self.model).exp()  # [B, V]
        of_new = (_free(bits) * likelihood.unsqueeze(1)).sum(dim=2, keepdim=True)
        of_seen = (bits @ likelihood[:, None, :, None]).squeeze(3)
        return torch.where(counts > 0, of_seen, of_new).log().clamp_min(LOWEST)

    def update(self, cue: Tensor, bits: Tensor, counts: Tensor, slot: Tensor) -> Tensor:
        first = counts.gather(2, slot.unsqueeze(2)) == 0
        belief = torch.where(first, _free(bits), _of_slot(bits, slot))
        belief = belief * cue_log_likelihood(cue, self.codes, self.model).exp().unsqueeze(1)
        return belief / belief.sum(dim=2, keepdim=True).clamp_min(torch.finfo(belief.dtype).tiny)


def _free(bits: Tensor) -> Tensor:
    """Probability `[B, P, V]` of each code to be a new context's: spread over those that no other context has."""
    free = (1 - bits.sum(dim=2)).clamp_min(0.0)
    return free / free.sum(dim=2, keepdim=True).clamp_min(torch.finfo(bits.dtype).tiny)


def _of_slot(bits: Tensor, slot: Tensor) -> Tensor:
    """The belief `[B, P, K]` about one slot `[B, P]` of each particle, of `[B, P, S, K]`."""
    return bits.gather(2, slot[..., None, None].expand(-1, -1, 1, bits.shape[3])).squeeze(2)


class InferredCodes:
    """The player knows nothing about the barcodes except that they are distinct: it infers each from its noisy copies.

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
        return torch.where(seen, likelihood, fresh).log().clamp_min(LOWEST)

    def update(self, cue: Tensor, bits: Tensor, counts: Tensor, slot: Tensor) -> Tensor:
        first = counts.gather(2, slot.unsqueeze(2)).squeeze(2) == 0
        bits, rate, flips = _of_slot(bits, slot), self.model.rate, self.model.flips
        one = torch.where(first.unsqueeze(2), 0.5, bits[..., :-1])
        differ = _differ(cue.unsqueeze(1), one)
        if flips is None:
            after = differ * rate / (differ * rate + (1 - differ) * (1 - rate))
        else:
            after = given_count(differ, flips)
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


def given_count(differ: Tensor, count: int) -> Tensor:
    """Probability of each bit `[..., K]` to be one, given that exactly `count` of them are."""
    if count == 0:
        return torch.zeros_like(differ)
    before = _running_counts(differ, count)
    after = _running_counts(differ.flip(-1), count)[::-1]
    total = before[-1][..., -1:].clamp_min(torch.finfo(differ.dtype).tiny)
    # The others have count - 1 ones, j of them before the bit and the rest after it.
    others = [(before[k][..., :count] * after[k + 1][..., :count].flip(-1)).sum(-1) for k in range(differ.shape[-1])]
    return differ * torch.stack(others, dim=-1) / total
