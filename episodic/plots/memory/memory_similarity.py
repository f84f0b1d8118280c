"""Plot of how similar the keys of a memory are to each other, and its values."""

from typing import cast

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.memory.memory_contents import MemoryContents
from episodic.plots.style import new_figure, note

SIDE = 5.6  # of one map, about, in inches


def cosine_map(vectors: Tensor) -> Tensor:
    """Compute the cosine similarities `[N, N]` of `[N, D]` vectors; 0 if either vector is zero.

    >>> cosine_map(torch.tensor([[3.0, 0.0], [0.0, 2.0]]))
    tensor([[1., 0.],
            [0., 1.]])
    """
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return unit @ unit.T


def plot_memory_similarity(contents: MemoryContents) -> Figure:
    """Plot the cosine similarities of keys and of values, slots ordered by label; lines separate the labels."""
    figure = new_figure(2 * SIDE + 2.6, SIDE + 1.0, 1, 2)
    for axes, name, vectors in zip(figure.axes, ("keys", "values"), (contents.keys, contents.values), strict=True):
        if len(vectors) == 0:
            note(axes, "nothing stored")
            continue
        _draw_map(axes, vectors, contents.labels, name)
        figure.colorbar(axes.images[0], ax=axes, label="cosine similarity", shrink=0.85, pad=0.015)
    figure.suptitle(f"Similarity of stored keys and values\n{contents.title}", fontsize=11)
    return figure


def _draw_map(axes: Axes, vectors: Tensor, labels: Tensor, name: str) -> None:
    """Draw the similarities of `[N, D]` vectors, ordered by their labels `[N]`."""
    similarity = cosine_map(vectors)
    low, colours = colour_scale(similarity)
    axes.imshow(similarity, cmap=colours, vmin=low, vmax=1, interpolation="nearest")
    _separate(axes, labels)
    size = 8.0 if len(labels.unique_consecutive()) <= 30 else 6.0
    ticks = label_ticks(labels, 1.5 * size / (72 * SIDE))
    positions, names = [x for x, _ in ticks], [name for _, name in ticks]
    axes.set_xticks(positions, names, rotation=90 if max(map(len, names)) > 2 else 0, fontsize=size)
    axes.set_yticks(positions, names, fontsize=size)
    axes.tick_params(length=2)
    axes.set_xlabel("slot, ordered by label and time of writing", fontsize=9)
    axes.set_ylabel("label", fontsize=9)
    axes.set_title(name, fontsize=10)


def colour_scale(similarity: Tensor) -> tuple[float, str]:
    """Return the lowest value of the colours, and the colour map.

    With negative similarities the colours start at -1 and white means 0; otherwise they start at the lowest similarity.
    """
    low = float(similarity.min())
    if low < -1e-3:
        return -1.0, "RdBu_r"
    return (low if 0 <= low < 1 - 1e-6 else 0.0), "YlOrRd"


def label_ticks(labels: Tensor, spacing: float) -> list[tuple[float, str]]:
    """Return the middle and the name of each run of equal labels, without those too close to the one before.

    Args:
        labels: `[N]` long, ordered.
        spacing: smallest distance between two ticks, as a share of N.

    >>> label_ticks(torch.tensor([2, 2, 2, 5, 5]), spacing=0.0)
    [(1.0, '2'), (3.5, '5')]
    """
    names, counts = labels.unique_consecutive(return_counts=True)
    middles = counts.cumsum(0) - counts / 2 - 0.5
    ticks: list[tuple[float, str]] = []
    for middle, name in zip(cast(list[float], middles.tolist()), names.tolist(), strict=True):
        if not ticks or middle - ticks[-1][0] >= spacing * len(labels):
            ticks.append((middle, str(name)))
    return ticks


def _separate(axes: Axes, labels: Tensor) -> None:
    counts = labels.unique_consecutive(return_counts=True)[1]
    if len(counts) == len(labels):
        return  # every pixel would be framed
    edges = (counts.cumsum(0)[:-1] - 0.5).tolist()
    ends, width = (-0.5, len(labels) - 0.5), 0.8 if len(counts) <= 30 else 0.4
    axes.hlines(edges, *ends, colors="black", linewidth=width)
    axes.vlines(edges, *ends, colors="black", linewidth=width)
