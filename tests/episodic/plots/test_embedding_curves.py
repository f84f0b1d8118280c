"""Curves and histograms of an embedding against NumPy."""

import numpy as np
import pytest
import torch

from episodic.plots.embeddings.embedding_curves import plot_similarities, plot_streams
from tests.episodic.plots.plotted import drawn, seeded

KINDS = ("same class", "another class")


def test_the_curve_is_the_mean_over_episodes_with_its_interval() -> None:
    accuracies = {5: torch.rand(30, 4, generator=seeded()), 20: torch.rand(1, 3, generator=seeded(1))}
    figure = plot_streams(accuracies, "test")
    drawn(figure)
    axes = figure.axes[0]
    for line, accuracy in zip(axes.lines, accuracies.values(), strict=True):
        np.testing.assert_allclose(np.asarray(line.get_ydata()), accuracy.mean(dim=0), rtol=1e-6)
        assert list(np.asarray(line.get_xdata())) == list(range(1, accuracy.shape[1] + 1))
    band = axes.collections[0].get_paths()[0].vertices
    values = accuracies[5].double().numpy()
    half = 1.96 * values.std(axis=0, ddof=1) / np.sqrt(30)
    assert np.asarray(band)[:, 1].max() == pytest.approx((values.mean(axis=0) + half).max(), rel=1e-5)


def test_no_streams_are_told() -> None:
    assert [text.get_text()[:15] for text in plot_streams({}, "test").axes[0].texts] == ["too few classes"]


def test_histograms_tell_shares_and_means() -> None:
    samples = {kind: torch.rand(500 + 100 * seed, generator=seeded(seed)) for seed, kind in enumerate(KINDS)}
    figure = plot_similarities(samples, "test")
    drawn(figure)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    for text, (kind, values) in zip(legend.get_texts(), samples.items(), strict=True):
        assert text.get_text() == f"{kind} ({len(values)} pairs, mean {values.mean():.2f})"
    values = torch.cat(list(samples.values()))
    bins = np.linspace(float(values.min()) - 1e-3, float(values.max()) + 1e-3, 61)
    for outline, values in zip(figure.axes[0].patches, samples.values(), strict=True):
        heights = np.asarray(outline.get_xy())[1:-1:2, 1]  # type: ignore[attr-defined]
        counts, _ = np.histogram(values, bins)
        np.testing.assert_allclose(heights, counts / len(values), atol=1e-9)


def test_nothing_to_compare_leaves_a_note() -> None:
    figure = plot_similarities({kind: torch.empty(0) for kind in KINDS}, "test")
    assert [text.get_text() for text in drawn(figure).axes[0].texts] == ["no two drawings to compare"]
