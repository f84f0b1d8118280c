"""Plot of what the reads of a memory returned, over all environments."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from episodic.plots.style import BLACK, BLUE, RIGHT, TICKS, WRONG, label, name_cells, new_figure, note

#: Cells of a heat map whose numbers are written out.
NUMBERED = 120
#: Outcomes of a read, and their colours.
OUTCOMES = {"right": RIGHT, "wrong": WRONG, "nothing recalled": "0.45"}


class ReadCounts(NamedTuple):
    """Results of reads, by exposure (X rows) and step (T columns), for blocks of E episodes."""

    recalls: Tensor  # [X, T] reads
    right: Tensor  # [X, T] reads that returned a memory of the right context
    missed: Tensor  # [X, T] reads that returned nothing
    slots: Tensor  # [E] mean slots in use after each episode
    similarity: Mapping[str, Tensor]  # of sampled reads to the nearest key, [M] by a name in OUTCOMES
    kernel: str
    threshold: float | None  # None if every similarity is recalled
    capacity: int


def plot_recall(reads: ReadCounts, split: str) -> Figure:
    """Plot recall accuracy by exposure and step, reads that returned nothing, similarities, and slots in use."""
    figure = new_figure(11.5, 8.4, 2, 2)
    accuracy, missed, similarity, slots = figure.axes
    _draw_accuracy(figure, accuracy, reads)
    _draw_missed(missed, reads)
    _draw_similarity(similarity, reads)
    _draw_slots(slots, reads)
    total = int(reads.recalls.sum())
    figure.suptitle(f"Reads of the memory\n{split}, all environments: {total:,} reads", fontsize=11)
    return figure


def _draw_accuracy(figure: Figure, axes: Axes, reads: ReadCounts) -> None:
    if reads.recalls.sum() == 0:
        note(axes, "no reads")
        return
    share = reads.right / reads.recalls  # NaN, drawn in grey, where there are no reads
    colours = colormaps["viridis"].with_extremes(bad="0.85")
    image = axes.imshow(share, aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of reads")
    if share.numel() <= NUMBERED:
        _write_numbers(axes, share)
    name_cells(axes, range(1, share.shape[0] + 1), range(1, share.shape[1] + 1))
    first = "\n(none at the first exposure)" if len(share) > 1 else ""
    label(axes, "step of the read", "exposure", f"Reads that returned a memory of the right context{first}")


def _write_numbers(axes: Axes, share: Tensor) -> None:
    for (row, column), value in np.ndenumerate(share.numpy()):
        if np.isfinite(value):
            colour = "white" if value < 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)


def _draw_missed(axes: Axes, reads: ReadCounts) -> None:
    share = reads.missed.sum(dim=1) / reads.recalls.sum(dim=1)
    exposures = np.arange(1, len(share) + 1)
    bars = axes.bar(exposures, share.nan_to_num(), color="0.55")
    if len(share) <= TICKS:
        axes.bar_label(bars, ["" if value.isnan() else f"{value:.2f}" for value in share], fontsize=7)
        axes.set_xticks(exposures)
    axes.set_ylim(0, 1.1)
    label(axes, "exposure", "share of reads", "Reads that returned nothing")


def _draw_similarity(axes: Axes, reads: ReadCounts) -> None:
    title = "Similarity of the query to the nearest key, sampled reads"
    values = torch.cat(list(reads.similarity.values()))
    if len(values) == 0:
        note(axes, "no reads of a memory that held anything")
        return
    bins = _bins(values, reads.threshold)
    for name, colour in OUTCOMES.items():
        similarity = reads.similarity[name].numpy()
        if len(similarity):
            axes.hist(
                similarity,
                bins,
                weights=np.full(len(similarity), 1 / len(similarity)),
                histtype="stepfilled",
                color=colour,
                alpha=0.5,
                label=f"{name} ({len(similarity):,} reads)",
            )
    if reads.threshold is not None:
        axes.axvline(reads.threshold, color=BLACK, linestyle="--", lw=1, label=f"threshold {reads.threshold:g}")
    axes.locator_params(axis="x", nbins=5)
    label(axes, f"similarity ({reads.kernel})", "share of the reads of each outcome", title)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)


def _bins(similarity: Tensor, threshold: float | None) -> list[float]:
    """Return the edges of 50 bins over all similarities and the threshold."""
    shown = similarity if threshold is None else torch.cat([similarity, similarity.new_tensor([threshold])])
    low, high = float(shown.min()), float(shown.max())
    margin = max(0.02 * (high - low), 1e-3)
    return [float(edge) for edge in np.linspace(low - margin, high + margin, 51)]


def _draw_slots(axes: Axes, reads: ReadCounts) -> None:
    if not reads.slots.isfinite().any():
        note(axes, "slots in use were not counted")
        return
    episodes, marker = np.arange(1, len(reads.slots) + 1), "o" if len(reads.slots) == 1 else ""
    axes.plot(episodes, reads.slots, marker=marker, color=BLUE, label="mean over environments")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.axhline(reads.capacity, color="0.4", linestyle="--", lw=1, label=f"capacity ({reads.capacity})")
    axes.set_ylim(0, 1.08 * reads.capacity)
    label(axes, "episode", "slots in use", "Slots in use after each episode of a block")
    axes.legend(fontsize=8, loc="best")
