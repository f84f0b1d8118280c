"""Plots of the compositional bandit: the numbers that they show."""

import numpy as np
import torch

from episodic.plots.tasks.compositional_plots import plot_familiarity, plot_regret_by_pull
from tests.episodic.plots.plotted import drawn

KINDS = ("both new", "both familiar")


def test_bars_stand_for_the_players_and_the_axis_beside_for_the_reward() -> None:
    regret = {"agent": torch.tensor([0.6, 0.1]), "ideal observer": torch.tensor([0.5, torch.nan])}
    figure = plot_familiarity(regret, KINDS, torch.tensor([0.25, 0.75]), highest=4.5)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    heights = [[bar.get_height() for bar in container] for container in axes.containers]
    np.testing.assert_allclose(heights, [[0.6, 0.1], [0.5, np.nan]], rtol=1e-6)
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["both new\n25% of episodes", "both familiar\n75% of episodes"]
    beside = axes.child_axes[0]
    np.testing.assert_allclose(beside.get_ylim(), sorted(4.5 - y for y in axes.get_ylim()), rtol=1e-6)


def test_each_familiarity_has_a_panel_of_cumulative_regret() -> None:
    lines = {
        "agent": torch.tensor([[0.1, 0.3], [0.0, 0.1]]),
        "ideal observer": torch.tensor([[0.1, 0.2], [torch.nan] * 2]),
    }
    panels = drawn(plot_regret_by_pull(lines, KINDS)).axes
    assert [axes.get_title() for axes in panels] == list(KINDS)
    assert [[line.get_label() for line in axes.lines] for axes in panels] == [["agent", "ideal observer"], ["agent"]]
    np.testing.assert_allclose(np.asarray(panels[0].lines[0].get_ydata()), [0.1, 0.3], rtol=1e-6)
