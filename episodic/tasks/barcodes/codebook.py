"""A greedy search for codes in Hamming clusters, with several starts and bounded work.

Words are rows of 0.0 and 1.0, so that a matrix product gives their distances.
"""

import torch
from torch import Tensor

from episodic.tasks.barcodes.codes import LISTED_BITS, to_bits

#: Largest number of words searched, of first words tried for a cluster, and of starts.
WORDS, TRIES, STARTS = 4096, 8, 24


def find_codebook(sizes: list[int], bits: int, spread: int, separation: int, generator: torch.Generator) -> Tensor:
    """Find codes whose clusters have the given sizes -> `[sum(sizes), bits]`, cluster by cluster; empty if none.

    Codes of one cluster are distinct and differ in at most `spread` bits; codes of different clusters differ in at
    least `separation` bits. `separation` exceeds `spread`.

    >>> words = find_codebook([2, 2], 6, 1, 3, torch.Generator().manual_seed(0))
    >>> hamming_distances(words[:2], words[2:]).min() >= 3
    tensor(True)
    """
    starts = max(3, min(STARTS, 50_000 // (sum(sizes) * bits)))
    for start in range(starts):
        # Scattered codes come first because they are more varied; dense clusters, packed closely, hold more codes.
        packed, balls = start % 2 == 1, start // 2 % 2 == 1
        offsets = _offsets(bits, spread, balls, generator)
        codes = _search(sizes, spread, separation, _words(bits, generator), offsets, packed)
        if len(codes):
            return codes
    return torch.empty(0, bits)


def hamming_distances(words: Tensor, others: Tensor) -> Tensor:
    """Count the bits in which words differ, `[N, K]` and `[M, K]` -> `[N, M]`.

    >>> hamming_distances(torch.tensor([[0.0, 1.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    tensor([[1., 3.]])
    """
    return words.sum(dim=1, keepdim=True) + others.sum(dim=1) - 2 * words @ others.T


def _words(bits: int, generator: torch.Generator) -> Tensor:
    """Return all words in random order, or random words if there are too many -> `[W, K]`."""
    if bits <= LISTED_BITS:
        return to_bits(torch.randperm(2**bits, generator=generator), bits)
    return torch.randint(2, (WORDS, bits), generator=generator).float()


def _offsets(bits: int, spread: int, balls: bool, generator: torch.Generator) -> Tensor:
    """Return possible differences between a cluster's first word and its others, `[P, K]`: up to `spread` bits.

    The zero difference comes first. The others are in random order, with fewer bits first if `balls`.
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
    """Make one greedy pass, cluster by cluster; empty if a cluster does not fit."""
    taken = words[:0]
    total = torch.zeros(len(words))  # summed distance of each open word to the codes taken so far
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
    """Grow a cluster around the first centre that has room for one; if none has, return the last attempt."""
    cluster = centres[:0]
    for centre in centres:
        members = (centre - offsets).abs()[: None if size > 1 else 1]
        # All members lie within the spread of the centre, so codes further away cannot conflict.
        near = taken[hamming_distances(taken, centre.unsqueeze(0)).squeeze(1) < separation + spread]
        if len(near):
            members = members[hamming_distances(members, near).amin(dim=1) >= separation]
        cluster = _close_together(members, size, spread)
        if len(cluster) == size:
            break
    return cluster


def _close_together(words: Tensor, size: int, spread: int) -> Tensor:
    """Select up to `size` words: the first, then each that differs from all selected ones in at most `spread` bits."""
    chosen: list[Tensor] = []
    while len(words) and len(chosen) < size:
        chosen.append(words[0])
        words = words[1:][hamming_distances(words[1:], words[:1]).squeeze(1) <= spread]
    return torch.stack(chosen)
