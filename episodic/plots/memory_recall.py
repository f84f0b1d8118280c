"""Picture of what the reads of a memory returned, over all environments."""

from typing import NamedTuple

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.kernels import RANGES
from episodic.metrics.episode_statistics import NOTHING, RIGHT, WRONG, EpisodeStatistics
from episodic.plots.axes import name_cells, say
from episodic.plots.style import new_figure

#: Up to so many fields a heat map tells its numbers.
TOLD = 120
KINDS = {RIGHT: ("right", "tab:green"), WRONG: ("wrong", "tab:red"), NOTHING: ("nothing recalled", "0.45")}


class Reads(NamedTuple):
    """What reads returned, by exposure (X rows) and pull (T columns); E episodes a block, M sampled reads."""

    recalls: Tensor  # [X, T] reads
    right: Tensor  # [X, T] reads that returned a memory of the right context
    missed: Tensor  # [X, T] reads that returned nothing
    slots: Tensor  # [E] mean slots in use after each episode
    similarity: Tensor  # [M] of the nearest key
    kinds: Tensor  # [M] long: RIGHT, WRONG or NOTHING
    kernel: str
    threshold: float | None  # None where everything is similar enough
    capacity: int


def read_statistics(statistics: EpisodeStatistics, memory: EpisodicMemory) -> Reads:
    """The reads of all environments, on the CPU; added up over processes, all of which have to call this.

    The sampled reads are this process's own: a sample is enough.
    """
    similarity, kinds = statistics.similarity_samples()
    with statistics.sync_context(dist_sync_fn=statistics.dist_sync_fn):
        return Reads(
            recalls=statistics.recalls.cpu().clone(),
            right=statistics.right.cpu().clone(),
            missed=statistics.missed.cpu().clone(),
            slots=(statistics.slots / statistics.slot_counts).cpu(),
            similarity=similarity.cpu(),
            kinds=kinds.cpu(),
            kernel=memory.kernel,
            threshold=_effective(memory),
            capacity=memory.capacity,
        )


def _effective(memory: EpisodicMemory) -> float | None:
    """The memory's threshold; None where no similarity is below it."""
    return None if memory.threshold == RANGES[memory.kernel][0] else memory.threshold


def recall_figure(reads: Reads, split: str) -> Figure:
    """Recall accuracy by exposure and pull, reads that found nothing, similarities, and slots in use."""
    figure = new_figure(11.5, 8.4, 2, 2)
    accuracy, missed, similarity, slots = figure.axes
    _draw_accuracy(figure, accuracy, reads)
    _draw_missed(missed, reads)
    _draw_similarity(similarity, reads)
    _draw_slots(slots, reads)
    total = int(reads.recalls.sum())
    figure.suptitle(f"Reads of the memory\n{split}, all environments: {total:,} reads", fontsize=11)
    return figure


def _draw_accuracy(figure: Figure, axes: Axes, reads: Reads) -> None:
    axes.set_title(
        "Reads that returned a memory of the right context\n(at the first exposure there is none)", fontsize=10
    )
    if reads.recalls.sum() == 0:
        say(axes, "no reads")
        return
    share = reads.right / reads.recalls  # NaN, drawn as grey, where there are no reads
    colours = colormaps["viridis"].with_extremes(bad="0.85")
    image = axes.imshow(share, aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of reads")
    if share.numel() <= TOLD:
        _tell(axes, share)
    name_cells(axes, range(1, share.shape[0] + 1), range(1, share.shape[1] + 1))
    axes.set_xlabel("pull at which the memory is read")
    axes.set_ylabel("exposure")


def _tell(axes: Axes, share: Tensor) -> None:
    for (row, column), value in np.ndenumerate(share.numpy()):
        if np.isfinite(value):
            colour = "white" if value < 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)


def _draw_missed(axes: Axes, reads: Reads) -> None:
    axes.set_title("Reads that returned nothing", fontsize=10)
    share = reads.missed.sum(dim=1) / reads.recalls.sum(dim=1)
    exposures = np.arange(1, len(share) + 1)
    bars = axes.bar(exposures, share.nan_to_num(), color="0.55")
    if len(share) <= 20:
        axes.bar_label(bars, ["" if value.isnan() else f"{value:.2f}" for value in share], fontsize=7)
        axes.set_xticks(exposures)
    axes.set_ylim(0, 1.1)
    axes.set_xlabel("exposure")
    axes.set_ylabel("share of reads")


def _draw_similarity(axes: Axes, reads: Reads) -> None:
    axes.set_title("Similarity of the query to the nearest key, of sampled reads", fontsize=10)
    if len(reads.similarity) == 0:
        say(axes, "no reads of a memory that held anything")
        return
    bins = _bins(reads.similarity, reads.threshold)
    for kind, (name, colour) in KINDS.items():
        values = reads.similarity[reads.kinds == kind].numpy()
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            label = f"{name} ({len(values):,} reads)"
            axes.hist(values, bins, weights=weights, histtype="stepfilled", color=colour, alpha=0.5, label=label)
    if reads.threshold is not None:
        axes.axvline(reads.threshold, color="black", linestyle="--", lw=1, label=f"threshold {reads.threshold:g}")
    axes.set_xlabel(f"similarity ({reads.kernel})")
    axes.set_ylabel("share of the reads of its kind")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)


def _bins(similarity: Tensor, threshold: float | None) -> list[float]:
    """Edges of 50 bins over all similarities and the threshold."""
    shown = similarity if threshold is None else torch.cat([similarity, similarity.new_tensor([threshold])])
    low, high = float(shown.min()), float(shown.max())
    margin = max(0.02 * (high - low), 1e-3)
    return [float(edge) for edge in np.linspace(low - margin, high + margin, 51)]


def _draw_slots(axes: Axes, reads: Reads) -> None:
    axes.set_title("Slots in use after each episode of a block", fontsize=10)
    if not reads.slots.isfinite().any():
        say(axes, "not counted")
        return
    axes.plot(np.arange(1, len(reads.slots) + 1), reads.slots, color="tab:blue", label="mean over environments")
    axes.axhline(reads.capacity, color="0.4", linestyle="--", lw=1, label=f"capacity ({reads.capacity})")
    axes.set_ylim(0, 1.08 * reads.capacity)
    axes.set_xlabel("episode")
    axes.set_ylabel("slots")
    axes.legend(fontsize=8, loc="lower right")
