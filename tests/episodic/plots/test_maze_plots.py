"""Plots of a search on a grid: the lines, cells and marks that they show."""

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from episodic.plots.tasks.maze_plots import MazePath, plot_occupancy, plot_paths, plot_search
from tests.episodic.plots.plotted import drawn, shown_image

#: From the lower left to the goal at the upper left, a jump to the lower right, and one step.
PATH = MazePath(
    cells=torch.tensor([[0, 2], [0, 1], [2, 2], [2, 1]]),
    entered=torch.tensor([[0, 1], [0, 0], [2, 1]]),
    reached=torch.tensor([False, True, False]),
    goal=torch.tensor([0, 0]),
)


def test_the_search_has_a_line_for_each_player_and_bars_of_reads() -> None:
    steps, ideal = torch.tensor([8.0, 3.0]), {"ideal observer": torch.tensor([8.0, 2.7])}
    shares = {"right": [0.0, 0.75], "wrong": [0.0, 0.25], "nothing recalled": [1.0, 0.0]}
    reads = {name: torch.tensor(share) for name, share in shares.items()}
    search, memory = drawn(plot_search(steps, 20, ideal, reads)).axes
    assert [line.get_label() for line in search.lines] == ["agent", "ideal observer"]
    assert [bar.get_bbox().height for bar in memory.patches if isinstance(bar, Rectangle)] == [
        value for share in shares.values() for value in share
    ]
    assert len(drawn(plot_search(steps, 20, {})).axes) == 1


def test_occupancy_has_a_row_of_cells_and_one_of_offsets() -> None:
    on_grid, from_goal = [torch.rand(2, 3) for _ in range(2)], [torch.rand(3, 5) for _ in range(2)]
    figure = drawn(plot_occupancy(on_grid, from_goal, [1, 4]))
    for panel, image in enumerate([*on_grid, *from_goal]):
        torch.testing.assert_close(shown_image(figure, panel), image)
    titles = ["exposure 1, on the grid", "exposure 4, on the grid"]
    assert [axes.get_title() for axes in figure.axes[:2]] == titles
    seen = figure.axes[2].images[0].get_extent()
    assert (seen[0] + seen[1], seen[2] + seen[3]) == (0, 0), "the goal is in the middle"


def test_a_path_shows_start_goal_ways_and_jumps() -> None:
    figure = drawn(plot_paths([[PATH, PATH]], [1, 2], width=3, height=3))
    axes = figure.axes[0]
    assert axes.get_title() == "exposure 1: 1 goal, first at step 2"
    marks = [line.get_marker() for line in axes.lines]
    assert [marks.count(mark) for mark in ("o", "s", "*")] == [1, 1, 1]
    ways = [line for line in axes.lines if len(np.asarray(line.get_xdata())) > 1 and line.get_linestyle() == "-"]
    shift = -0.2
    assert [float(x) for x in np.asarray(ways[0].get_xdata())] == pytest.approx([shift] * 3)
    assert [float(y) for y in np.asarray(ways[0].get_ydata())] == pytest.approx([2 + shift, 1 + shift, shift])


@pytest.mark.parametrize("reached", [[False, False, False], [False, False, True], [True, True, True]])
def test_any_number_of_goals_can_be_drawn(reached: list[bool]) -> None:
    drawn(plot_paths([[PATH._replace(reached=torch.tensor(reached))]], [1], width=3, height=3))
