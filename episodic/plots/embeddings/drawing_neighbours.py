"""Plot of drawings beside the drawings whose embeddings are nearest."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.choice import spread_evenly
from episodic.plots.embeddings.montage import framed, show_montage
from episodic.plots.style import PLAIN, RIGHT, WRONG, new_figure, note

TILE = 0.55  # inches


def plot_neighbours(
    images: Tensor, labels: Tensor, nearest: Tensor, similarity: Tensor, queries: int, split: str
) -> Figure:
    """Plot some drawings and their nearest others: on the left any drawings, on the right those recognised wrongly.

    Args:
        images: `[N, S, S]` uint8, ink = 255.
        labels: `[N]` long.
        nearest: `[N, k]` long, rows of each drawing's nearest others, nearest first.
        similarity: `[N, k]`, their cosines.
        queries: number of drawings on each side.
        split: named in the title.
    """
    wrong = (labels[nearest[:, 0]] != labels).nonzero().squeeze(1)
    sides = {
        f"evenly spread over all {len(labels):,} drawings": spread_evenly(queries, len(labels)),
        f"from the {len(wrong):,} whose nearest is of another class": wrong[spread_evenly(queries, len(wrong))],
    }
    columns = nearest.shape[1] + 1
    figure = new_figure(2 * TILE * columns + 0.8, 1.15 * TILE * min(queries, len(labels)) + 1.2, 1, 2)
    for axes, (name, chosen) in zip(figure.axes, sides.items(), strict=True):
        axes.set_title(name, fontsize=9)
        if len(chosen) == 0:
            note(axes, "none")
            continue
        _draw(axes, images, labels, nearest, similarity, chosen)
    right = 1 - len(wrong) / len(labels)
    figure.suptitle(
        f"{split}: drawings (grey frame) and their nearest others, nearest first\n"
        f"blue: same class, orange: another class; below: cosine similarity; the nearest is right for {right:.1%}",
        fontsize=10,
    )
    return figure


def _draw(axes: Axes, images: Tensor, labels: Tensor, nearest: Tensor, similarity: Tensor, chosen: Tensor) -> None:
    rows = torch.cat([chosen.unsqueeze(1), nearest[chosen]], dim=1)  # [Q, 1 + k]
    same = (labels[rows] == labels[chosen].unsqueeze(1)).tolist()
    colours = [PLAIN if column == 0 else RIGHT if right else WRONG for row in same for column, right in enumerate(row)]
    below = images.shape[-1] // 5  # room for the similarity
    show_montage(axes, framed(images[rows.flatten()], colours, below), rows.shape[1])
    for row, cosines in enumerate(similarity[chosen].tolist()):
        for column, cosine in enumerate(cosines, start=1):
            axes.text(column + 0.5, row + 0.99, f"{cosine:.2f}", ha="center", va="bottom", fontsize=5.5, color="0.3")
