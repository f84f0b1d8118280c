"""Plots of embedded hidden states: a map, confusions of contexts, and contexts recognised by pull and exposure."""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.planes import tsne_plane
from episodic.plots.scatter import Classes, draw_plane
from episodic.plots.style import DASHES, TICKS, label, name_cells, new_figure, note

#: Up to so many contexts, the cells of a confusion matrix carry numbers.
NUMBERED = 12


def plot_state_map(states: Tensor, embeddings: Tensor, labels: Tensor, split: str, kind: str = "states") -> Figure:
    """Plot t-SNE of states beside t-SNE of their embeddings, coloured by context.

    Args:
        states: `[N, H]`.
        embeddings: `[N, D]`.
        labels: `[N]` long, the contexts.
        split: named in the title.
        kind: what the states are, for the title.
    """
    figure = new_figure(11.5, 5.2, 1, 2)
    panels = list(figure.axes)
    classes = Classes("context", labels)
    for axes, (name, vectors) in zip(panels, ((kind, states), ("embeddings", embeddings)), strict=True):
        draw_plane(axes, tsne_plane(vectors), classes)
        axes.set_title(f"{name}: t-SNE of {len(vectors):,}", fontsize=10)
    classes.explain(figure, panels, "upper")
    figure.suptitle(f"{split}: {kind} and their embeddings, by context", fontsize=10)
    return figure


def plot_context_confusions(labels: Tensor, predicted: Tensor, split: str, by: str) -> Figure:
    """Plot the share of each context's states (rows) that is taken for each context (columns).

    Args:
        labels: `[N]` long.
        predicted: `[N]` long.
        split: named in the title.
        by: what predicts, for the title.
    """
    figure = new_figure(7.0, 6.0)
    axes = figure.axes[0]
    if len(labels) == 0:
        note(axes, "no state to predict the context of")
        return figure
    names, numbers = torch.cat([labels, predicted]).unique(return_inverse=True)
    count = len(names)
    cells = (numbers[: len(labels)] * count + numbers[len(labels) :]).bincount(minlength=count**2).view(count, count)
    present = cells.sum(dim=1) > 0  # a context that is only predicted has no row
    table = (cells / cells.sum(dim=1, keepdim=True).clamp(min=1))[present]
    image = axes.imshow(table.numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    name_cells(axes, names[present].tolist(), names.tolist())
    if count <= NUMBERED:
        _write_numbers(axes, table)
    figure.colorbar(image, ax=axes, label="share of the context's states")
    right = float((labels == predicted).double().mean())
    title = f"{split}: contexts by {by}, {right:.1%} of {len(labels):,} states right"
    label(axes, "predicted context", "context", title)
    return figure


def _write_numbers(axes: Axes, table: Tensor) -> None:
    for row, line in enumerate(table.tolist()):
        for column, share in enumerate(line):
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7, color=colour)


def plot_recognition(shares: Mapping[str, Mapping[str, Mapping[int, float]]], split: str) -> Figure:
    """Plot the share of states whose context is recognised, one panel for each count, such as pulls and exposures.

    Args:
        shares: share by number (from 1), by what recognises, by the name of the number.
        split: named in the title.

    >>> figure = plot_recognition({"pull": {"classifier": {1: 0.5, 2: 0.9}}}, "test")
    """
    figure = new_figure(5.25 * len(shares), 4.4, 1, len(shares))
    for axes, (kind, lines) in zip(figure.axes, shares.items(), strict=True):
        for (name, line), dashes in zip(lines.items(), 2 * DASHES, strict=False):
            if line:
                axes.plot(list(line), list(line.values()), dashes, marker="o", markersize=4, label=name)
                if len(line) <= TICKS:
                    axes.set_xticks(list(line))
        if not axes.lines:
            note(axes, "no context came twice")
            continue
        axes.set_ylim(-0.02, 1.02)
        label(axes, kind, "share of states whose context is recognised")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="best")
    figure.suptitle(f"{split}: recognised contexts, by {' and by '.join(shares)}", fontsize=10)
    return figure
