"""Plot of the pairs of classes that an embedding of drawings confuses most."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.embeddings.montage import framed, show_montage
from episodic.plots.style import PLAIN, WRONG, new_figure, note

TILE = 0.5  # inches


class ConfusedPair(NamedTuple):
    """Two classes, and how many drawings of either have their nearest other in the other class."""

    first: int
    second: int
    confused: int


def confused_pairs(labels: Tensor, nearest: Tensor, count: int) -> list[ConfusedPair]:
    """Return the `count` pairs of classes that are confused most; among equals those of lower numbers come first.

    Args:
        labels: `[N]` long, 0 or more.
        nearest: `[N]` long, the row of each drawing's nearest other.
        count: number of pairs; fewer are returned if fewer are confused.

    >>> confused_pairs(torch.tensor([0, 0, 1, 1]), nearest=torch.tensor([1, 2, 3, 0]), count=5)
    [ConfusedPair(first=0, second=1, confused=2)]
    """
    other = labels[nearest]
    mixed = torch.stack([torch.minimum(labels, other), torch.maximum(labels, other)], dim=1)[other != labels]
    pairs, times = mixed.unique(dim=0, return_counts=True)
    order = times.argsort(descending=True, stable=True)[:count]
    rows = torch.cat([pairs, times.unsqueeze(1)], dim=1)[order].tolist()
    return [ConfusedPair(first, second, confused) for first, second, confused in rows]


def plot_drawing_confusions(
    images: Tensor, labels: Tensor, names: Sequence[str], nearest: Tensor, pairs: int, split: str, shown: int = 8
) -> Figure:
    """Plot drawings of the classes that are confused most, one pair a row, with the confused drawings first.

    Args:
        images: `[N, S, S]` uint8, ink = 255.
        labels: `[N]` long.
        names: of the classes.
        nearest: `[N]` long, the row of each drawing's nearest other.
        pairs: number of pairs.
        split: named in the title.
        shown: drawings of each class.
    """
    worst = confused_pairs(labels, nearest, pairs)
    figure = new_figure(2 * TILE * shown + 1.2, (TILE + 0.25) * max(len(worst), 2) + 0.8, max(len(worst), 1), 2)
    figure.suptitle(
        f"{split}: the classes confused most\norange: the nearest other is of the other class; right: how many of all",
        fontsize=10,
    )
    if not worst:
        for axes, text in zip(figure.axes, ("no drawing's nearest other", "is of another class"), strict=True):
            note(axes, text)
        return figure
    for row, pair in enumerate(worst):
        for axes, one, other in zip(figure.axes[2 * row :], pair[:2], pair[1::-1], strict=False):
            chosen, confused = _examples(labels, nearest, one, other, shown)
            colours = [WRONG if mark else PLAIN for mark in confused.tolist()]
            blank = torch.ones(shown - len(chosen), *framed(images[:1], [PLAIN]).shape[1:])
            show_montage(axes, torch.cat([framed(images[chosen], colours), blank]), shown)
            axes.set_title(names[one], fontsize=7, loc="left", pad=2)
        total = int(((labels == pair.first) | (labels == pair.second)).sum())
        axes.set_title(f"{pair.confused} of {total}", fontsize=7, loc="right", pad=2)
    return figure


def _examples(labels: Tensor, nearest: Tensor, one: int, other: int, count: int) -> tuple[Tensor, Tensor]:
    """Return rows `[<= count]` of class `one`, those confused with `other` first, and whether each is confused."""
    rows = (labels == one).nonzero().squeeze(1)
    confused = labels[nearest[rows]] == other
    order = confused.long().argsort(descending=True, stable=True)[:count]
    return rows[order], confused[order]
