"""Plots of embedded states: shares against hand-made ones, and what a map shows."""

import numpy as np
import torch

from episodic.plots.embeddings.context_plots import plot_context_confusions, plot_recognition, plot_state_map
from tests.episodic.plots.plotted import drawn, vectors


def test_confusions_are_shares_of_each_contexts_states() -> None:
    labels, predicted = torch.tensor([3, 3, 3, 3, 7, 7]), torch.tensor([3, 7, 3, 9, 7, 7])
    axes = drawn(plot_context_confusions(labels, predicted, "val", "the classifier")).axes[0]
    array = axes.images[0].get_array()
    assert array is not None
    assert np.asarray(array).tolist() == [[0.5, 0.25, 0.25], [0, 1, 0]]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3", "7", "9"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["3", "7"]
    assert [text.get_text() for text in axes.texts] == ["0.50", "0.25", "0.25", "0.00", "1.00", "0.00"]
    assert axes.get_title() == "val: contexts by the classifier, 66.7% of 6 states right"
    none = drawn(plot_context_confusions(labels[:0], predicted[:0], "val", "the nearest embedding"))
    assert [text.get_text() for text in none.axes[0].texts] == ["no state to predict the context of"]


def test_recognition_by_each_number() -> None:
    shares = {"pull": {"classifier": {1: 0.5, 2: 0.75}, "nearest": {1: 1.0}}, "exposure": {"classifier": {3: 0.1}}}
    figure = drawn(plot_recognition(shares, "test"))
    for axes, (kind, lines) in zip(figure.axes, shares.items(), strict=True):
        assert axes.get_xlabel() == kind
        for line, (name, by_number) in zip(axes.lines, lines.items(), strict=True):
            assert line.get_label() == name
            assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == by_number  # type: ignore[arg-type]
    nothing = drawn(plot_recognition({"pull": {}, "exposure": {"nearest": {}}}, "test"))
    assert [axes.texts[0].get_text() for axes in nothing.axes] == ["no context came twice"] * 2


def test_a_map_shows_states_beside_embeddings() -> None:
    labels = torch.arange(10) % 3
    figure = drawn(plot_state_map(vectors(10, 4), vectors(10, 6, seed=1), labels, "val", "cues"))
    for axes, name in zip(figure.axes, ("cues", "embeddings"), strict=True):
        assert len(np.asarray(axes.collections[0].get_offsets())) == 10
        assert axes.get_title() == f"{name}: t-SNE of 10"


def test_a_map_of_too_few_states_says_so() -> None:
    figure = drawn(plot_state_map(torch.zeros(3, 4), torch.zeros(3, 2), torch.zeros(3).long(), "val"))
    assert all("needs" in axes.texts[0].get_text() for axes in figure.axes)
