"""The plot of choices by step: the lines that it shows."""

import numpy as np
import pytest
import torch

from episodic.plots.tasks.choice_plots import plot_choices
from tests.episodic.plots.plotted import drawn


def test_both_halves_stand_beside_players_and_the_gate() -> None:
    accuracy, ideal, gate = torch.rand(2, 4), torch.rand(2, 4), torch.rand(2, 4)
    figure = drawn(plot_choices(accuracy, 2, {"ideal observer": ideal}, gate))
    for half, axes in enumerate(figure.axes[:2]):
        assert [line.get_label() for line in axes.lines] == ["agent", "ideal observer", "chance"]
        for line, values in zip(axes.lines, (accuracy, ideal), strict=False):
            assert [float(value) for value in np.asarray(line.get_ydata())] == pytest.approx(values[half].tolist())
    assert [line.get_label() for line in figure.axes[2].lines] == ["first half", "second half"]


def test_without_memory_there_is_no_gate() -> None:
    assert len(drawn(plot_choices(torch.rand(2, 4), 0, {})).axes) == 2
