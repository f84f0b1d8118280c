"""The panels, colours and legends of a memory's map."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from episodic.plots.memory.memory_contents import UNKNOWN, MemoryContents
from episodic.plots.memory.memory_map import plot_memory_map
from episodic.plots.memory.memory_similarity import plot_memory_similarity
from tests.episodic.plots.plotted import contents, drawn, texts, title, vectors


@pytest.mark.parametrize("tsne", [True, False])
def test_a_map_has_a_panel_for_each_view(tsne: bool) -> None:
    labels = torch.arange(4).repeat_interleave(3)
    centres = vectors(2, 5, seed=2)
    figure = plot_memory_map(contents(vectors(4, 5)[labels], vectors(12, 6), labels, centres), tsne=tsne)
    heading = title(figure)
    assert all(
        part in heading for part in ("environment 7", "12 of 60", "distinct keys: 4", "values: 12", "spread out")
    )
    methods = ("PCA", "t-SNE") if tsne else ("PCA",)
    names = [f"{n}: {m}, by {by}" for n in ("keys", "values") for m in methods for by in ("label", "best arm")]
    assert [axes.get_title() for axes in figure.axes] == names
    crosses = [len(np.asarray(axes.collections[-1].get_offsets())) for axes in figure.axes]
    assert crosses == [2 if name.startswith("keys: PCA") else 0 for name in names]
    assert [legend.get_title().get_text() for legend in figure.legends] == ["best arm", "label"]
    assert [text.get_text() for text in figure.legends[1].get_texts()] == ["0", "1", "2", "3"]


def test_equal_labels_have_equal_colours() -> None:
    labels = torch.arange(4).repeat_interleave(3)
    axes = plot_memory_map(contents(vectors(12, 5), vectors(12, 6), labels), tsne=False).axes[0]
    colours = np.asarray(axes.collections[0].get_facecolor())
    assert len(np.unique(colours, axis=0)) == 4
    np.testing.assert_array_equal(colours, colours[::3].repeat(3, axis=0))


def test_many_labels_get_a_bar_instead_of_a_legend() -> None:
    labels = torch.arange(50)
    figure = plot_memory_map(contents(vectors(50, 5), vectors(50, 6), labels * 20), tsne=False)
    title(figure)
    assert [legend.get_title().get_text() for legend in figure.legends] == ["best arm"]
    ticks = [text.get_text() for text in figure.axes[-1].get_yticklabels()]
    assert ticks == [str(label) for label in range(0, 1000, 40)]


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        (torch.zeros(0, 3), "there are 0"),
        (vectors(1, 3), "there are 1"),
        (torch.zeros(7, 3), "there are 1"),
        (vectors(3, 1), "there are 3"),
        (torch.full((5, 2), math.nan), "not all numbers are finite"),
    ],
)
def test_contents_that_cannot_be_laid_out_leave_notes(keys: Tensor, note: str) -> None:
    labels = torch.full((len(keys),), UNKNOWN)
    drawn = MemoryContents(keys, keys, labels, labels, None, len(keys), 60, 0, "test")
    figure = plot_memory_map(drawn)
    title(figure)
    assert any(note in text for text in texts(figure))
    figure = plot_memory_similarity(drawn)
    title(figure)
    assert ("nothing stored" in texts(figure)) == (len(keys) == 0)


def test_a_task_without_arms_has_no_panels_by_best_arm() -> None:
    labels = torch.arange(4).repeat_interleave(3)
    figure = plot_memory_map(contents(vectors(12, 5), vectors(12, 6), labels)._replace(best_arms=None), tsne=False)
    drawn(figure)
    assert [axes.get_title() for axes in figure.axes] == ["keys: PCA, by label", "values: PCA, by label"]
    assert [legend.get_title().get_text() for legend in figure.legends] == ["label"]
