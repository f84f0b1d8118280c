"""Similarities of a memory's contents against the loop, and how they are drawn."""

import math

import numpy as np
import pytest
import torch

from episodic.plots.memory.memory_similarity import colour_scale, cosine_map, label_ticks, plot_memory_similarity
from tests.episodic.plots.plotted import contents, title, vectors


def test_cosines_equal_the_loop() -> None:
    points = vectors(5, 3)
    points[2] = 0
    found = cosine_map(points)
    for i, a in enumerate(points.tolist()):
        for j, b in enumerate(points.tolist()):
            lengths = math.hypot(*a) * math.hypot(*b)
            expected = sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
            assert found[i, j].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("lowest", "scale"),
    [(-0.3, (-1.0, "RdBu_r")), (0.7, (0.7, "YlOrRd")), (-1e-7, (0.0, "YlOrRd")), (1.0, (0.0, "YlOrRd"))],
)
def test_colours_use_the_range_that_is_there(lowest: float, scale: tuple[float, str]) -> None:
    found = colour_scale(torch.tensor([[1.0, lowest], [lowest, 1.0]], dtype=torch.float64))
    assert found == scale


def test_ticks_stand_in_the_middle_of_each_label() -> None:
    labels = torch.tensor([2, 2, 2, 5, 5, 9])
    assert label_ticks(labels, 0.0) == [(1.0, "2"), (3.5, "5"), (5.0, "9")]


def test_ticks_that_stand_too_near_are_left_out() -> None:
    assert label_ticks(torch.tensor([2, 2, 2, 5, 5, 9]), 0.4) == [(1.0, "2"), (3.5, "5")]
    ticks = label_ticks(torch.arange(500), 0.02)
    assert [name for _, name in ticks] == [str(label) for label in range(0, 500, 10)]


def test_similarity_shows_both_maps_with_lines_between_labels() -> None:
    labels = torch.arange(4).repeat_interleave(3)
    keys, values = vectors(12, 5), vectors(12, 6, seed=1)
    figure = plot_memory_similarity(contents(keys, values, labels))
    heading = title(figure)
    assert all(part in heading for part in ("test", "environment 7", "12 of 60 slots", "4 labels"))
    for axes, shown in zip(figure.axes, (keys, values), strict=False):
        array = axes.images[0].get_array()
        assert array is not None
        np.testing.assert_allclose(array, cosine_map(shown), atol=1e-6)
        segments = [segment for lines in axes.collections for segment in lines.get_segments()]  # type: ignore[attr-defined]
        positions = {float(x) for segment in segments for x in (segment[0][0], segment[0][1])} - {-0.5}
        assert positions == {2.5, 5.5, 8.5}
