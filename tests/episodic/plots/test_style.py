"""Ticks, notes and colours."""

import numpy as np
from matplotlib.colors import rgb_to_hsv, to_rgb

from episodic.plots.style import CYCLE, name_cells, new_figure, note, shades


def test_large_heat_maps_name_some_of_their_cells() -> None:
    axes = new_figure(4, 4).axes[0]
    axes.imshow(np.zeros((45, 3)))
    name_cells(axes, range(1, 46), "abc")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [str(row) for row in range(1, 46, 3)]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]


def test_long_names_of_columns_leave_room_for_each_other() -> None:
    axes = new_figure(4, 4).axes[0]
    axes.imshow(np.zeros((2, 200)))
    name_cells(axes, "ab", range(1, 201))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(column) for column in range(1, 201, 16)]


def test_lines_take_the_colours_of_the_cycle() -> None:
    axes = new_figure(4, 4).axes[0]
    assert [axes.plot([0, 1])[0].get_color() for _ in CYCLE] == list(CYCLE)


def test_shades_grow_lighter() -> None:
    values = [rgb_to_hsv(to_rgb(colour))[2] for colour in shades(5)]
    assert values == sorted(values)
    assert len(shades(1)) == 1


def test_a_note_stands_in_for_a_plot() -> None:
    axes = new_figure(4, 4).axes[0]
    note(axes, "nothing")
    assert not axes.axison
    assert [text.get_text() for text in axes.texts] == ["nothing"]
