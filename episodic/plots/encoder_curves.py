"""Pictures in numbers of an embedding: accuracy in a stream, similarities within and between classes."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import normalize

from episodic.metrics.similarity_pairs import partners
from episodic.plots.axes import say
from episodic.plots.style import new_figure

#: Of pairs of embeddings that are compared.
KINDS = {
    "same class": "tab:green",
    "another class of the same alphabet": "tab:orange",
    "a class of another alphabet": "tab:red",
}
PAIRS = 200_000  # of each kind, at most


def sequential_figure(accuracies: Mapping[int, Tensor], split: str) -> Figure:
    """Accuracy at the k-th time that a class is met, with 95 % intervals (normal, over episodes).

    Args:
        accuracies: `[E, K]` of E episodes for each number of classes in an episode.
        split: named in the heading.
    """
    figure = new_figure(6.4, 4.6)
    axes = figure.axes[0]
    for ways, accuracy in accuracies.items():
        _draw_curve(axes, ways, accuracy)
    if not accuracies:
        say(axes, "too few classes, or drawings of them, for a stream")
        return figure
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("time that a class is met (k-shot at time k + 1)")
    axes.set_ylabel("accuracy")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title(f"{split}: a memory that learns each drawing once it has answered", fontsize=10)
    return figure


def _draw_curve(axes: Axes, ways: int, accuracy: Tensor) -> None:
    times = np.arange(1, accuracy.shape[1] + 1)
    mean = accuracy.mean(dim=0).numpy()
    spread = accuracy.std(dim=0).numpy() if len(accuracy) > 1 else np.full_like(mean, np.nan)
    half = 1.96 * spread / np.sqrt(len(accuracy))
    name = f"{ways} classes, {len(accuracy)} episodes: last {mean[-1]:.3f}"
    (line,) = axes.plot(times, mean, marker="o", markersize=4, label=name)
    axes.fill_between(times, mean - half, mean + half, alpha=0.25, color=line.get_color(), linewidth=0)
    axes.set_xticks(times)


def similarity_samples(
    embeddings: Tensor, labels: Tensor, alphabets: Tensor, generator: torch.Generator, most: int = PAIRS
) -> dict[str, Tensor]:
    """Cosines of random pairs of different embeddings: at most `most` of each kind in `KINDS`.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        alphabets: `[C]` long, the alphabet of each label.
        generator: draws the pairs, on the CPU.
        most: pairs of each kind.
    """
    unit, alphabet = normalize(embeddings, dim=1), alphabets[labels]
    first = torch.randint(len(unit), (most,), generator=generator)
    pairs = zip(KINDS, (labels, alphabet, None), (None, labels, alphabet), strict=True)
    samples = {}
    for kind, shared, different in pairs:
        second = partners(first, shared, generator)
        allowed = first != second if different is None else different[first] != different[second]
        samples[kind] = (unit[first[allowed]] * unit[second[allowed]]).sum(dim=1)
    return samples


def histogram_figure(
    samples: Mapping[str, Tensor], split: str, items: str = "drawings", colours: Mapping[str, str] = KINDS
) -> Figure:
    """Histograms of the similarities of pairs of each kind, as shares of the kind, and their means.

    Args:
        samples: cosines `[P]` by the kind of the pairs.
        split: named in the heading.
        items: what is compared.
        colours: of the kinds.
    """
    figure = new_figure(7.4, 4.6)
    axes = figure.axes[0]
    values = torch.cat(list(samples.values()))
    if len(values) == 0:
        say(axes, f"no two {items} to compare")
        return figure
    margin = 1e-3
    bins = np.linspace(float(values.min()) - margin, float(values.max()) + margin, 61).tolist()
    for kind, similarity in samples.items():
        if len(similarity):
            name = f"{kind} ({len(similarity):,} pairs, mean {similarity.mean():.2f})"
            weights = np.full(len(similarity), 1 / len(similarity))
            axes.hist(
                similarity.numpy(), bins, weights=weights, histtype="step", lw=1.8, color=colours[kind], label=name
            )
    axes.set_xlabel(f"cosine similarity of two {items}")
    axes.set_ylabel("share of the pairs of its kind")
    axes.set_title(f"{split}: similarities within and between classes", fontsize=10)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    return figure
