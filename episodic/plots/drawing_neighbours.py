"""Picture of the drawings that an embedding finds nearest to some others."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.metrics.retrieval import Neighbours
from episodic.plots.axes import say
from episodic.plots.montage import PLAIN, RIGHT, WRONG, framed, show_montage
from episodic.plots.style import new_figure

TILE = 0.55  # inches


def spread_evenly(count: int, total: int) -> Tensor:
    """At most `count` of the numbers from 0 to total - 1, from the first to the last, evenly spread."""
    return torch.from_numpy(np.linspace(0, total - 1, min(count, total)).astype(np.int64))


def neighbours_figure(images: Tensor, labels: Tensor, found: Neighbours, queries: int, split: str) -> Figure:
    """Some drawings and what is nearest to them: on the left evenly from all, on the right those found wrong.

    Args:
        images: `[N, S, S]` uint8, ink = 255.
        labels: `[N]` long.
        found: the nearest others of all N.
        queries: rows on each side.
        split: named in the heading.
    """
    wrong = (labels[found.rows[:, 0]] != labels).nonzero().squeeze(1)
    sides = {
        f"evenly from all {len(labels):,} drawings": spread_evenly(queries, len(labels)),
        f"from the {len(wrong):,} whose nearest is of another class": wrong[spread_evenly(queries, len(wrong))],
    }
    columns = found.rows.shape[1] + 1
    figure = new_figure(2 * TILE * columns + 0.8, 1.15 * TILE * min(queries, len(labels)) + 1.2, 1, 2)
    for axes, (name, chosen) in zip(figure.axes, sides.items(), strict=True):
        axes.set_title(name, fontsize=9)
        if len(chosen) == 0:
            say(axes, "none")
            continue
        _draw(axes, images, labels, found, chosen)
    right = 1 - len(wrong) / len(labels)
    figure.suptitle(
        f"{split}: drawings (grey) and their nearest others, nearest first\n"
        f"green: of the same class, red: of another; below: their cosine; the first is right for {right:.1%}",
        fontsize=10,
    )
    return figure


def _draw(axes: Axes, images: Tensor, labels: Tensor, found: Neighbours, chosen: Tensor) -> None:
    rows = torch.cat([chosen.unsqueeze(1), found.rows[chosen]], dim=1)  # [Q, 1 + k]
    right = (labels[rows] == labels[chosen].unsqueeze(1)).tolist()
    colours = [PLAIN if place == 0 else RIGHT if one else WRONG for row in right for place, one in enumerate(row)]
    below = images.shape[-1] // 5  # room for the similarity
    show_montage(axes, framed(images[rows.flatten()], colours, below), rows.shape[1])
    for row, similarities in enumerate(found.similarity[chosen].tolist()):
        for column, similarity in enumerate(similarities, start=1):
            axes.text(
                column + 0.5, row + 0.99, f"{similarity:.2f}", ha="center", va="bottom", fontsize=5.5, color="0.3"
            )
