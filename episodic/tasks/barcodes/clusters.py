"""Barcodes in Hamming clusters: close to those of their own cluster, far from those of other clusters.

One codebook is searched for and cached. Each block permutes its bits and inverts some of them, which preserves all
distances.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.tasks.barcodes.codebook import find_codebook
from episodic.tasks.barcodes.codes import LISTED_BITS, check_code_count, to_bits
from episodic.tasks.blocks import seeded


class ClusterRule(NamedTuple):
    """The number of clusters and the distances within and between them.

    Args:
        clusters: Number of clusters; their sizes differ by at most one.
        spread: Largest Hamming distance between two codes of one cluster.
        separation: Smallest Hamming distance between codes of different clusters.

    >>> ClusterRule(clusters=3, spread=2, separation=4).sizes(10)
    [4, 3, 3]
    """

    clusters: int
    spread: int
    separation: int

    def check(self, codes: int) -> None:
        """Raise `InputError` if the rule cannot hold for this number of codes."""
        clusters, spread, separation = self
        require_positive(clusters=clusters, cluster_spread=spread)
        require(separation > spread, f"cluster_separation is {separation}: it must exceed cluster_spread, {spread}")
        require(clusters <= codes, f"clusters is {clusters}: it must be at most the number of codes, {codes}")

    def sizes(self, codes: int) -> list[int]:
        """Return the number of codes of each cluster, larger clusters first."""
        return [codes // self.clusters + (cluster < codes % self.clusters) for cluster in range(self.clusters)]


def clustered_barcodes(batch: int, codes: int, bits: int, rule: ClusterRule, generator: torch.Generator) -> Tensor:
    """Draw clustered codes, distinct and never all zero, in random order -> `[B, codes, bits]` of 0.0 and 1.0.

    Each row is the codebook of `cluster_codebook` with permuted bits, inverted by a random mask.

    Raises:
        InputError: The search finds no codes with these distances.

    >>> clustered_barcodes(2, 6, 10, ClusterRule(3, spread=2, separation=4), seeded(0, 0)).shape
    torch.Size([2, 6, 10])
    """
    words = cluster_codebook(codes, bits, rule)
    mask = _masks(words, batch, bits, generator)
    order = torch.rand(batch, codes, generator=generator).argsort(dim=1)
    drawn = to_bits(words[order] ^ mask.unsqueeze(1), bits)
    bit_order = torch.rand(batch, bits, generator=generator).argsort(dim=1)
    return drawn.gather(2, bit_order.unsqueeze(1).expand_as(drawn))


def _masks(words: Tensor, batch: int, bits: int, generator: torch.Generator) -> Tensor:
    """Draw words other than the given ones, `[B]` long: a code inverted by itself would become zero."""
    if bits <= LISTED_BITS:
        free = torch.ones(2**bits, dtype=torch.bool)
        free[words] = False
        others = free.nonzero().squeeze(1)
        return others[torch.randint(len(others), (batch,), generator=generator)]
    mask = torch.randint(2**bits, (batch,), generator=generator)
    while (taken := torch.isin(mask, words)).any():
        mask = torch.where(taken, torch.randint(2**bits, (batch,), generator=generator), mask)
    return mask


@lru_cache(maxsize=64)
def cluster_codebook(codes: int, bits: int, rule: ClusterRule) -> Tensor:
    """Find codes that follow the rule, cluster by cluster -> `[codes]` long.

    The same arguments give the same codes in every process.

    Raises:
        InputError: The rule cannot hold, or the search finds no codes that follow it.

    >>> cluster_codebook(6, 10, ClusterRule(3, spread=2, separation=4)).shape
    torch.Size([6])
    """
    check_code_count(codes, bits)
    rule.check(codes)
    words = find_codebook(rule.sizes(codes), bits, rule.spread, rule.separation, seeded(0, 5))
    require(
        len(words) == codes,
        f"clusters is {rule.clusters} with cluster_spread {rule.spread}, cluster_separation {rule.separation} and bits "
        f"{bits}: impossible Hamming separation, no {codes} such codes were found; use fewer clusters or codes, a "
        "greater spread, a smaller separation or more bits",
    )
    return (words.long() << torch.arange(bits)).sum(dim=1)
