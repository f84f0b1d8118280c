"""Cosines of random pairs of embeddings, of the same class and of different ones, and how far apart they lie."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize


class SimilarityPairs(NamedTuple):
    """Cosines of pairs of embeddings."""

    same: Tensor  # [P], both of one class
    different: Tensor  # [Q], of two classes


def similarity_pairs(
    embeddings: Tensor, labels: Tensor, groups: Tensor, generator: torch.Generator, most: int
) -> SimilarityPairs:
    """Cosines of random pairs, at most `most` of each kind; no pair is of one group.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        groups: `[N]` long, such as episodes, whose members are alike by nature.
        generator: draws the pairs, on the CPU.
        most: pairs of each kind.
    """
    unit, labels, groups = normalize(embeddings, dim=1), labels.to(embeddings.device), groups.to(embeddings.device)
    first = torch.randint(len(unit), (most,), generator=generator).to(unit.device)
    same, other = partners(first, labels, generator), partners(first, None, generator)
    apart, different = groups[first] != groups[same], labels[first] != labels[other]
    different &= groups[first] != groups[other]
    pairs = ((first[apart], same[apart]), (first[different], other[different]))
    return SimilarityPairs(*((unit[one] * unit[two]).sum(dim=1) for one, two in pairs))


def separation(pairs: SimilarityPairs) -> Tensor:
    """Area under the ROC curve: how probably a pair of one class is more similar than a pair of two -> scalar.

    `P(s > d) + P(s = d) / 2` over all pairs s of one class and d of two; 1 is perfect, 1/2 chance. NaN without pairs.
    """
    ordered = pairs.different.sort().values
    below, to = (torch.searchsorted(ordered, pairs.same, right=right) for right in (False, True))
    return (below + to).double().mean() / 2 / len(ordered)


def partners(first: Tensor, groups: Tensor | None, generator: torch.Generator) -> Tensor:
    """A random row for each of `first` `[P]`, out of its own group where there are groups `[N]`."""
    if groups is None:
        return first[torch.randperm(len(first), generator=generator)]
    order = groups.argsort(stable=True)
    _, number, counts = groups.unique(return_inverse=True, return_counts=True)
    starts, own = counts.cumsum(0) - counts, number[first]
    place = torch.rand(len(first), generator=generator, dtype=torch.float64).to(first.device)
    step = (place * counts[own]).long()
    return order[starts[own] + step]
