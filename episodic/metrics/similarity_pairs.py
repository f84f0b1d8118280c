"""Cosines of random pairs of embeddings, of one class and of two, and how well they separate."""

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
    """Draw random pairs, at most `most` of each kind, and return their cosines; the two of a pair differ in group.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        groups: `[N]` long, such as episodes, whose members are similar by nature.
        generator: Generator of the pairs, on the CPU.
        most: Pairs of each kind.

    >>> pairs = similarity_pairs(
    ...     torch.eye(2).repeat(2, 1), torch.arange(2).repeat(2), torch.arange(4), torch.Generator().manual_seed(0), 20
    ... )
    >>> pairs.same.unique(), pairs.different.unique()
    (tensor([1.]), tensor([0.]))
    """
    unit, labels, groups = normalize(embeddings, dim=1), labels.to(embeddings.device), groups.to(embeddings.device)
    first = torch.randint(len(unit), (most,), generator=generator).to(unit.device)
    same, other = partners(first, labels, generator), partners(first, None, generator)
    apart, different = groups[first] != groups[same], labels[first] != labels[other]
    different &= groups[first] != groups[other]
    pairs = ((first[apart], same[apart]), (first[different], other[different]))
    return SimilarityPairs(*((unit[one] * unit[two]).sum(dim=1) for one, two in pairs))


def separation(pairs: SimilarityPairs) -> Tensor:
    """Compute the area under the ROC curve: the probability that a pair of one class is more similar -> scalar.

    `P(s > d) + P(s = d) / 2` over all pairs s of one class and d of two; 1 is perfect, 1/2 is chance. NaN if a kind
    of pairs is missing.

    >>> separation(SimilarityPairs(same=torch.tensor([0.9, 0.5]), different=torch.tensor([0.5, 0.1])))
    tensor(0.8750, dtype=torch.float64)
    """
    if min(len(pairs.same), len(pairs.different)) == 0:
        return torch.tensor(torch.nan, dtype=torch.float64, device=pairs.same.device)
    from sklearn.metrics import roc_auc_score  # imported late because it takes half a second

    is_same = torch.cat([torch.ones_like(pairs.same), torch.zeros_like(pairs.different)])
    area = roc_auc_score(is_same.cpu().numpy(), torch.cat(list(pairs)).cpu().numpy())
    return torch.tensor(area, dtype=torch.float64, device=pairs.same.device)


def partners(first: Tensor, groups: Tensor | None, generator: torch.Generator) -> Tensor:
    """Draw a random row for each of `first` `[P]`, from its own group if there are groups `[N]`.

    >>> partners(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.Generator())
    tensor([0, 1])
    """
    if groups is None:
        return first[torch.randperm(len(first), generator=generator)]
    order = groups.argsort(stable=True)
    _, number, counts = groups.unique(return_inverse=True, return_counts=True)
    starts, own = counts.cumsum(0) - counts, number[first]
    position = torch.rand(len(first), generator=generator, dtype=torch.float64).to(first.device)
    step = (position * counts[own]).long()
    return order[starts[own] + step]
