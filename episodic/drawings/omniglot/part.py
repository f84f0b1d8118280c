"""A part of Omniglot: drawings, their characters and the alphabets of these."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class OmniglotPart(NamedTuple):
    """N drawings of C characters ("classes").

    Classes are sorted by alphabet and character; the drawings of a class are sorted by file name.
    """

    images: Tensor  # [N, S, S] uint8, ink = 255
    labels: Tensor  # [N] long, 0 to C - 1
    alphabets: Tensor  # [C] long, each class's index in alphabet_names
    class_names: list[str]  # "Latin/character01"
    alphabet_names: list[str]

    def names_of(self, rows: Tensor) -> list[list[str]]:
        """Return the names of the class and the alphabet of each of these drawings."""
        labels = self.labels[rows].tolist()
        return [[self.class_names[label], self.alphabet_names[int(self.alphabets[label])]] for label in labels]


def select_classes(part: OmniglotPart, classes: Sequence[int]) -> OmniglotPart:
    """Keep some classes, in the part's order; classes and alphabets are renumbered from 0.

    >>> part = OmniglotPart(torch.zeros(3, 28, 28), torch.arange(3), torch.tensor([0, 1, 1]), list("abc"), ["x", "y"])
    >>> select_classes(part, [2, 1])[1:]
    (tensor([0, 1]), tensor([0, 0]), ['b', 'c'], ['y'])
    """
    kept = torch.tensor(sorted(set(classes)), dtype=torch.long)
    renumbered = torch.full((len(part.class_names),), -1)
    renumbered[kept] = torch.arange(len(kept))
    chosen = renumbered[part.labels] >= 0
    alphabets, alphabet = torch.unique(part.alphabets[kept], return_inverse=True)
    return OmniglotPart(
        images=part.images[chosen],
        labels=renumbered[part.labels[chosen]],
        alphabets=alphabet,
        class_names=[part.class_names[index] for index in kept.tolist()],
        alphabet_names=[part.alphabet_names[index] for index in alphabets.tolist()],
    )


def join_parts(one: OmniglotPart, other: OmniglotPart) -> OmniglotPart:
    """Append the classes of `other` to those of `one`; alphabets of the same name are merged.

    >>> part = OmniglotPart(torch.zeros(2, 28, 28), torch.arange(2), torch.tensor([0, 0]), ["x/1", "x/2"], ["x"])
    >>> join_parts(part, part._replace(alphabet_names=["y"]))[1:3]
    (tensor([0, 1, 2, 3]), tensor([0, 0, 1, 1]))
    """
    alphabets = list(dict.fromkeys([*one.alphabet_names, *other.alphabet_names]))
    number = torch.tensor([alphabets.index(name) for name in other.alphabet_names])
    return OmniglotPart(
        images=torch.cat([one.images, other.images]),
        labels=torch.cat([one.labels, other.labels + len(one.class_names)]),
        alphabets=torch.cat([one.alphabets, number[other.alphabets]]),
        class_names=[*one.class_names, *other.class_names],
        alphabet_names=alphabets,
    )
