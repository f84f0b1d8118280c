"""Confused pairs of classes against a loop, and the drawings that are shown of them."""

from collections import Counter

import torch

from episodic.plots.embeddings.drawing_confusions import confused_pairs, plot_drawing_confusions
from tests.episodic.plots.plotted import drawings, drawn, frames, seeded, title


def test_confused_pairs_equal_the_loop() -> None:
    labels = torch.randint(6, (80,), generator=seeded(1))
    nearest = torch.randint(80, (80,), generator=seeded(2))
    counted: Counter[tuple[int, int]] = Counter()
    for label, other in zip(labels.tolist(), labels[nearest].tolist(), strict=True):
        if label != other:
            counted[min(label, other), max(label, other)] += 1
    expected = sorted(((*pair, times) for pair, times in counted.items()), key=lambda one: (-one[2], one))
    assert [tuple(pair) for pair in confused_pairs(labels, nearest, 7)] == expected[:7]
    assert len(confused_pairs(labels, nearest, 1000)) == len(expected)


def test_confusions_show_the_confused_drawings_first() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    nearest = torch.tensor([1, 3, 3, 4, 2, 6, 0])  # 1, 2 and 4 are confused between classes 0 and 1, and 6 with 0
    figure = plot_drawing_confusions(drawings(7), labels, ["zero", "one", "two"], nearest, 5, "test", shown=4)
    assert "test" in title(figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["zero", "one", "zero", "two"]
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["", "3 of 5", "", "1 of 5"]
    shown = ["".join(frames(figure, panel, 1, 4)[0]) for panel in range(4)]
    assert shown == ["ww- ", "w-  ", "--- ", "w-  "]


def test_no_confusions_leave_a_note() -> None:
    labels = torch.arange(3).repeat(4)
    figure = plot_drawing_confusions(drawings(12), labels, ["a", "b", "c"], (torch.arange(12) + 3) % 12, 5, "test")
    drawn(figure)
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["no drawing's nearest other", "is of another class"]
