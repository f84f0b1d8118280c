"""Pictures of embedded hidden states: a map, confusions of contexts, and contexts found by pull and exposure."""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.metrics.context_metrics import EmbeddedStates, shares
from episodic.plots.axes import name_cells, say
from episodic.plots.drawing_neighbours import spread_evenly
from episodic.plots.memory_map import Classes, draw_plane
from episodic.plots.memory_planes import tsne_plane
from episodic.plots.style import new_figure

#: Numbered cells are still to be read with so many contexts.
NUMBERED = 12
#: Pulls or exposures that are all named along an axis.
TICKS = 20


def some_contexts(labels: Tensor, contexts: int, most: int) -> Tensor:
    """Rows of at most `most` states of at most `contexts` contexts, evenly spread over both; `[N]` long labels."""
    names = labels.unique()
    chosen = names[spread_evenly(contexts, len(names))]
    rows = torch.isin(labels, chosen).nonzero().squeeze(1)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return rows[order[:most]]


def map_figure(states: Tensor, embeddings: Tensor, labels: Tensor, split: str, kind: str = "states") -> Figure:
    """t-SNE of states `[N, H]` as they are, or of what `kind` says, and of embeddings `[N, D]`, by context `[N]`."""
    figure = new_figure(11.5, 5.2, 1, 2)
    classes = Classes("context", labels, "o")
    for axes, (name, vectors) in zip(figure.axes, ((kind, states), ("embeddings", embeddings)), strict=True):
        draw_plane(axes, tsne_plane(vectors), classes)
        axes.set_title(f"{name}: t-SNE of {len(vectors):,}", fontsize=10)
    classes.explain(figure, figure.axes[:2], "upper")
    figure.suptitle(f"{split}: contexts", fontsize=10)
    return figure


def confusions_figure(labels: Tensor, predicted: Tensor, split: str, by: str) -> Figure:
    """Share of each context's states (rows) that is taken for each context (columns).

    Args:
        labels: `[N]` long.
        predicted: `[N]` long.
        split: named in the heading.
        by: what predicts, named there too.
    """
    figure = new_figure(7.0, 6.0)
    axes = figure.axes[0]
    if len(labels) == 0:
        say(axes, "no state to predict the context of")
        return figure
    names, numbers = torch.cat([labels, predicted]).unique(return_inverse=True)
    count = len(names)
    cells = (numbers[: len(labels)] * count + numbers[len(labels) :]).bincount(minlength=count**2).view(count, count)
    met = cells.sum(dim=1) > 0  # a context that is only predicted has no row
    table = (cells / cells.sum(dim=1, keepdim=True).clamp(min=1))[met]
    image = axes.imshow(table.numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    name_cells(axes, names[met].tolist(), names.tolist())
    if count <= NUMBERED:
        _number_cells(axes, table)
    axes.set_xlabel("taken for context")
    axes.set_ylabel("context")
    figure.colorbar(image, ax=axes, label="share of the context's states")
    right = float((labels == predicted).double().mean())
    axes.set_title(f"{split}: contexts by {by}, {right:.1%} of {len(labels):,} states right", fontsize=10)
    return figure


def _number_cells(axes: Axes, table: Tensor) -> None:
    for row, line in enumerate(table.tolist()):
        for column, share in enumerate(line):
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7, color=colour)


def course_figure(recognised: Mapping[str, EmbeddedStates], split: str) -> Figure:
    """How many contexts are recognised by pull, on the left, and by exposure.

    Args:
        recognised: states with their predicted contexts, by what predicts them.
        split: named in the heading.
    """
    figure = new_figure(10.5, 4.4, 1, 2)
    for axes, kind in zip(figure.axes, ("pulls", "exposures"), strict=True):
        for name, states in recognised.items():
            if len(states.labels):
                right = states.predicted == states.labels
                _draw_course(axes, f"{name}: {right.double().mean():.3f}", shares(right, getattr(states, kind)))
        if not axes.lines:
            say(axes, "no context was met twice")
            continue
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(kind[:-1])
        axes.set_ylabel("share of the states whose context is right")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="best")
    figure.suptitle(f"{split}: contexts recognised, by pull and by exposure", fontsize=10)
    return figure


def _draw_course(axes: Axes, name: str, course: Mapping[int, Tensor]) -> None:
    axes.plot(list(course), [float(share) for share in course.values()], marker="o", markersize=4, label=name)
    if len(course) <= TICKS:
        axes.set_xticks(list(course))
