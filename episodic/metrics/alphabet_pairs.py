"""Similarities of random pairs of drawings: of one class, of one alphabet, of two alphabets."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.metrics.similarity_pairs import partners

SAME_CLASS, SAME_ALPHABET, OTHER_ALPHABET = (
    "same class",
    "another class of the same alphabet",
    "a class of another alphabet",
)
PAIRS = 200_000  # of each kind, at most


def alphabet_pairs(
    embeddings: Tensor, labels: Tensor, alphabets: Tensor, generator: torch.Generator, most: int = PAIRS
) -> dict[str, Tensor]:
    """Compute the cosines of random pairs of different embeddings, by the kind of pair.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        alphabets: `[C]` long, the alphabet of each label.
        generator: draws the pairs, on the CPU.
        most: largest number of pairs of each kind.

    >>> labels, alphabets = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0])
    >>> pairs = alphabet_pairs(torch.eye(2)[labels], labels, alphabets, torch.Generator(), most=100)
    >>> [float(cosines.mean()) for cosines in pairs.values()]
    [1.0, 0.0, nan]
    """
    unit, alphabet = normalize(embeddings, dim=1), alphabets[labels]
    first = torch.randint(len(unit), (most,), generator=generator)
    samples = {}
    for kind, shared, different in (
        (SAME_CLASS, labels, None),
        (SAME_ALPHABET, alphabet, labels),
        (OTHER_ALPHABET, None, alphabet),
    ):
        second = partners(first, shared, generator)
        allowed = first != second if different is None else different[first] != different[second]
        samples[kind] = (unit[first[allowed]] * unit[second[allowed]]).sum(dim=1)
    return samples
