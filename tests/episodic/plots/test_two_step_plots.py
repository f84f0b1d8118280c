"""Plots of the two-step task: the numbers that they show."""

import torch
from matplotlib.patches import Rectangle

from episodic.plots.tasks.two_step_plots import plot_reward_by_trial, plot_stays
from tests.episodic.plots.plotted import drawn


def test_stay_probabilities_are_bars_of_the_agent_and_markers_of_the_others() -> None:
    agent, other = torch.tensor([0.75, 0.5, 0.25, 1.0]), torch.tensor([1.0, 0.0, torch.nan, 1.0])
    figure = drawn(plot_stays({"one": {"agent": agent, "other": other}, "two": {"agent": other}}))
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("one", "two")
    bars = [bar for bar in first.patches if isinstance(bar, Rectangle)]
    assert [bar.get_height() for bar in bars] == agent.tolist()
    assert torch.equal(torch.tensor(first.lines[0].get_ydata())[[0, 1, 3]], other[[0, 1, 3]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["agent", "other"]
    assert not second.lines


def test_rewards_are_means_of_bins_at_the_middle_of_their_trials() -> None:
    rewards = torch.arange(7.0)
    axes = drawn(plot_reward_by_trial({"agent": rewards}, bin_size=3, first_cued=4)).axes[0]
    assert axes.lines[0].get_xdata().tolist() == [2.0, 5.0, 7.0]  # type: ignore[union-attr]
    assert axes.lines[0].get_ydata().tolist() == [1.0, 4.0, 6.0]  # type: ignore[union-attr]
    assert axes.lines[1].get_xdata() == [4.5, 4.5]
    assert axes.lines[0].get_label() == "agent (21.0)"
