"""The search for codes in Hamming clusters: greedy, from several starts, bounded in work.

Words are rows of 0.0 and 1.0 here, so that a matrix product gives their distances.
"""

import torch
from torch import Tensor

from episodic.tasks.barcodes import LISTED_BITS, to_bits

#: At most so many words are looked at, first words tried for a cluster, and starts made.
WORDS, TRIES, STARTS = 4096, 8, 24


def find_codebook(sizes: list[int], bits: int, spread: int, separation: int, generator: torch.Generator) -> Tensor:
    """Codes whose clusters have the given sizes, cluster by cluster, `[sum(sizes), bits]`; empty where none are found.

    Codes of one cluster are distinct and differ in at most `spread` bits, those of two in at least `separation`,
    which is greater than `spread`.
    """
    starts = max(3, min(STARTS, 50_000 // (sum(sizes) * bits)))
    for start in range(starts):
        # Scattered codes are tried first, being the more various; dense clusters, densely packed, hold more of them.
        packed, balls = start % 2 == 1, start // 2 % 2 == 1
        offsets = _offsets(bits, spread, balls, generator)
        found = _search(sizes, spread, separation, _words(bits, generator), offsets, packed)
        if len(found):
            return found
    return torch.empty(0, bits)


def hamming_distances(words: Tensor, others: Tensor) -> Tensor:
    """Bits in which words differ, `[N, K]` and `[M, K]` -> `[N, M]`."""
    return words.sum(dim=1, keepdim=True) + others.sum(dim=1) - 2 * words @ others.T


def _words(bits: int, generator: torch.Generator) -> Tensor:
    """All words in random order, `[W, K]`; random ones where there are too many."""
    if bits <= LISTED_BITS:
        return to_bits(torch.randperm(2**bits, generator=generator), bits)
    return torch.randint(2, (WORDS, bits), generator=generator).float()


def _offsets(bits: int, spread: int, balls: bool, generator: torch.Generator) -> Tensor:
    """What may lead from a cluster's first word to its others, `[P, K]`: up to `spread` bits; none is first.

    The order is random, where `balls` is true with few bits before many.
    """
    if bits <= LISTED_BITS:
        words = to_bits(torch.arange(2**bits), bits)
    else:
        weights = torch.randint(1, min(spread, bits) + 1, (WORDS, 1), generator=generator)
        words = (torch.rand(WORDS, bits, generator=generator).argsort(dim=1) < weights).float()
        words = torch.cat([torch.zeros(1, bits), words]).unique(dim=0)
    weight = words.sum(dim=1)
    words, weight = words[weight <= spread], weight[weight <= spread]
    rank = torch.rand(len(words), generator=generator) + (weight if balls else 0)
    return words[rank.masked_fill(weight == 0, -1.0).argsort()]


def _search(sizes: list[int], spread: int, separation: int, words: Tensor, offsets: Tensor, packed: bool) -> Tensor:
    """One greedy pass: cluster after cluster, each from a word that is still open; empty where one does not fit."""
    taken = words[:0]
    total = torch.zeros(len(words))  # of each open word's distances to what is taken
    for size in sizes:
        first = total.argsort(stable=True)[:TRIES] if packed else slice(TRIES)
        cluster = _grow(size, spread, separation, words[first], offsets, taken)
        if len(cluster) < size:
            return taken[:0]
        taken = torch.cat([taken, cluster])
        distances = hamming_distances(words, cluster)
        still_open = distances.amin(dim=1) >= separation
        words, total = words[still_open], (total + distances.sum(dim=1))[still_open]
    return taken


def _grow(size: int, spread: int, separation: int, centres: Tensor, offsets: Tensor, taken: Tensor) -> Tensor:
    """A cluster around the first of the centres that has room for one; the last try where none has."""
    cluster = centres[:0]
    for centre in centres:
        members = (centre - offsets).abs()[: None if size > 1 else 1]
        # All members lie within the spread of the centre, so that what is further away is no matter.
        near = taken[hamming_distances(taken, centre.unsqueeze(0)).squeeze(1) < separation + spread]
        if len(near):
            members = members[hamming_distances(members, near).amin(dim=1) >= separation]
        cluster = _close_together(members, size, spread)
        if len(cluster) == size:
            break
    return cluster


def _close_together(words: Tensor, size: int, spread: int) -> Tensor:
    """The first word, and then each that differs from all before in at most `spread` bits; `size` at most."""
    chosen: list[Tensor] = []
    while len(words) and len(chosen) < size:
        chosen.append(words[0])
        words = words[1:][hamming_distances(words[1:], words[:1]).squeeze(1) <= spread]
    return torch.stack(chosen)
