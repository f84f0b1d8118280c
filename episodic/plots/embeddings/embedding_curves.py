"""Plots of numbers about an embedding: accuracy in streams of new classes, and similarities of pairs."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.style import CYCLE, DASHES, label, new_figure, note

MARGIN = 1e-3  # of the histogram's range


def plot_streams(accuracies: Mapping[int, Tensor], split: str) -> Figure:
    """Plot the accuracy at the k-th presentation of a class, with 95 % intervals (normal, over episodes).

    Args:
        accuracies: `[E, K]` of E episodes, by the number of classes in an episode.
        split: named in the title.
    """
    figure = new_figure(6.4, 4.6)
    axes = figure.axes[0]
    if not accuracies:
        note(axes, "too few classes, or drawings of them, for a stream")
        return figure
    for (ways, accuracy), dashes in zip(accuracies.items(), len(accuracies) * DASHES, strict=False):
        _draw_curve(axes, ways, accuracy, dashes)
    axes.set_ylim(-0.02, 1.02)
    label(
        axes,
        "presentation of a class (k-shot at presentation k + 1)",
        "accuracy (share of drawings)",
        f"{split}: a memory that stores each drawing once it has answered",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    return figure


def _draw_curve(axes: Axes, ways: int, accuracy: Tensor, dashes: str) -> None:
    times = np.arange(1, accuracy.shape[1] + 1)
    mean = accuracy.mean(dim=0).numpy()
    spread = accuracy.std(dim=0).numpy() if len(accuracy) > 1 else np.full_like(mean, np.nan)
    half = 1.96 * spread / np.sqrt(len(accuracy))
    name = f"{ways} classes, {len(accuracy)} episodes: last {mean[-1]:.3f}"
    (line,) = axes.plot(times, mean, dashes, marker="o", markersize=4, label=name)
    axes.fill_between(times, mean - half, mean + half, alpha=0.25, color=line.get_color(), linewidth=0)
    axes.set_xticks(times)


def plot_similarities(samples: Mapping[str, Tensor], split: str, items: str = "drawings") -> Figure:
    """Plot histograms of the similarities of pairs, as shares of the pairs of each kind, with their means.

    Args:
        samples: cosines `[P]`, by the kind of pair; kinds are distinguished by colour and dashes.
        split: named in the title.
        items: what is compared.
    """
    figure = new_figure(7.4, 4.6)
    axes = figure.axes[0]
    values = torch.cat(list(samples.values()))
    if len(values) == 0:
        note(axes, f"no two {items} to compare")
        return figure
    bins = np.linspace(float(values.min()) - MARGIN, float(values.max()) + MARGIN, 61).tolist()
    for (kind, similarity), colour, dashes in zip(samples.items(), CYCLE, 2 * DASHES, strict=False):
        if len(similarity):
            axes.hist(
                similarity.numpy(),
                bins,
                weights=np.full(len(similarity), 1 / len(similarity)),
                histtype="step",
                lw=1.8,
                color=colour,
                linestyle=dashes,
                label=f"{kind} ({len(similarity):,} pairs, mean {similarity.mean():.2f})",
            )
    title = f"{split}: similarities within and between classes"
    label(axes, f"cosine similarity of two {items}", "share of the pairs of each kind", title)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    return figure
