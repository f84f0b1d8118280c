"""Barcodes in Hamming clusters: near to those of their own cluster, far from those of all others.

One codebook is searched for once; a block gets it with its bits permuted and some of them inverted, which
keeps all distances.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.tasks.barcode_codebook import find_codebook
from episodic.tasks.barcodes import LISTED_BITS, check_code_count, to_bits
from episodic.tasks.blocks import seeded


class ClusterRule(NamedTuple):
    """How codes are clustered.

    Args:
        clusters: number of clusters; codes are shared out evenly, sizes differ by at most one.
        spread: bits in which two codes of one cluster differ at most.
        separation: bits in which two codes of different clusters differ at least.
    """

    clusters: int
    spread: int
    separation: int

    def check(self, codes: int) -> None:
        """Raise `InputError` where the rule makes no sense for so many codes."""
        clusters, spread, separation = self
        require_positive(clusters=clusters, cluster_spread=spread)
        require(separation > spread, f"cluster_separation is {separation}: it has to exceed cluster_spread, {spread}")
        require(clusters <= codes, f"clusters is {clusters}: it has to be at most the number of codes, {codes}")

    def sizes(self, codes: int) -> list[int]:
        """How many codes each cluster has, the larger ones first."""
        return [codes // self.clusters + (cluster < codes % self.clusters) for cluster in range(self.clusters)]


def clustered_barcodes(batch: int, codes: int, bits: int, rule: ClusterRule, generator: torch.Generator) -> Tensor:
    """Draw clustered codes, distinct and never all zero, in random order -> `[B, codes, bits]` of 0.0 and 1.0.

    Each row is the codebook of `cluster_codebook` with its bits permuted and inverted by a random mask.

    Raises:
        InputError: no such codes are known.
    """
    words = cluster_codebook(codes, bits, rule)
    mask = _masks(words, batch, bits, generator)
    place = torch.rand(batch, codes, generator=generator).argsort(dim=1)
    drawn = to_bits(words[place] ^ mask.unsqueeze(1), bits)
    order = torch.rand(batch, bits, generator=generator).argsort(dim=1)
    return drawn.gather(2, order.unsqueeze(1).expand_as(drawn))


def _masks(words: Tensor, batch: int, bits: int, generator: torch.Generator) -> Tensor:
    """Evenly drawn words that are none of the given ones, since a code that meets itself becomes zero: `[B]` long."""
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
    """Codes that keep to the rule, cluster by cluster -> `[codes]` long.

    The same arguments give the same codes in every process.

    Raises:
        InputError: the rule makes no sense, or the search finds no codes that keep to it.
    """
    check_code_count(codes, bits)
    rule.check(codes)
    found = find_codebook(rule.sizes(codes), bits, rule.spread, rule.separation, seeded(0, 5))
    require(
        len(found) == codes,
        f"clusters is {rule.clusters} with cluster_spread {rule.spread}, cluster_separation {rule.separation} and bits "
        f"{bits}: impossible Hamming separation, {codes} such codes were not found; fewer clusters or codes, a "
        "greater spread, a smaller separation or more bits help",
    )
    return (found.long() << torch.arange(bits)).sum(dim=1)
