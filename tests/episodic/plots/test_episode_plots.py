"""Plots of an agent's episodes: the lines that they show."""

import numpy as np
import torch
from matplotlib.lines import Line2D

from episodic.plots.tasks.episode_plots import plot_gate, plot_regret, plot_reward, plot_training
from tests.episodic.plots.plotted import drawn, shown_image


def values(line: Line2D) -> list[float]:
    return [float(value) for value in np.asarray(line.get_ydata())]


def test_regret_has_a_line_for_each_exposure_and_player() -> None:
    regret = torch.tensor([[0.5, 1.0, 1.5], [0.25, 0.25, 0.5], [torch.nan] * 3])
    players, ideal = {"random": torch.tensor([1.0, 2.0, 3.0])}, {"ideal observer": torch.tensor([0.0, 0.5, 0.5])}
    axes = drawn(plot_regret(regret, players, ideal)).axes[0]
    names = ["_agent, exposure 1", "_agent, exposure 2", "random", "ideal observer"]
    assert [line.get_label() for line in axes.lines] == names
    assert [values(line) for line in axes.lines] == [*regret[:2].tolist(), [1.0, 2.0, 3.0], [0.0, 0.5, 0.5]]
    assert len(drawn(plot_regret(regret)).axes[0].lines) == 2


def test_players_whose_regrets_hide_each_other_share_a_line() -> None:
    random, ucb1 = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.01])
    players = {"random": random, "Thompson": torch.tensor([0.5, 0.9]), "UCB1": ucb1}
    figure = drawn(plot_regret(torch.tensor([[0.5, 1.0]]), players))
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["random and UCB1", "Thompson"]
    assert figure.axes[1].get_ylabel() == "the agent's exposure"


def test_reward_by_exposure_stands_beside_players() -> None:
    axes = drawn(plot_reward(torch.tensor([6.0, 8.0]), {"ideal": torch.tensor([6.5, 8.5])})).axes[0]
    assert [values(line) for line in axes.lines] == [[6.0, 8.0], [6.5, 8.5]]
    assert axes.get_ylim()[0] == 0
    assert drawn(plot_reward(torch.tensor([-3.0, 1.0]))).axes[0].get_ylim()[0] < -3


def test_the_training_curve_has_points_and_levels() -> None:
    curves = {"train/reward": [(10.0, 2.0), (20.0, 4.0)], "val/reward": list[tuple[float, float]]()}
    axes = drawn(plot_training(curves, {"chance": 1.8})).axes[0]
    assert [line.get_label() for line in axes.lines] == ["train/reward", "chance (1.80)"]
    assert list(np.asarray(axes.lines[0].get_xdata())) == [10.0, 20.0]


def test_the_gate_is_a_heat_map() -> None:
    gate = torch.rand(3, 30)
    figure = drawn(plot_gate(gate))
    torch.testing.assert_close(shown_image(figure, 0), gate)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["1", "2", "3"]
    assert len(figure.axes[0].get_xticklabels()) == 15


def test_the_gate_of_a_task_without_exposures_is_a_line_over_the_steps_that_have_one() -> None:
    gate = torch.tensor([[torch.nan, 0.5, torch.nan, 0.25]])
    line = drawn(plot_gate(gate)).axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [2, 4]
    assert values(line) == [0.5, 0.25]
