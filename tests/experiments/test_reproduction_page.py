"""The page and its picture, of results made by hand."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.paper import EXPERIMENTS
from experiments.reproduction_figure import reproduction_figure
from experiments.reproduction_page import page_text
from experiments.reproduction_regrets import Regrets, read_all_regrets
from experiments.reproduction_rewards import Rewards, read_rewards
from tests.experiments.reproductions import write_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reproduction") / "results"
    write_results(folder)
    return folder


@pytest.fixture(scope="module")
def rewards(results: Path) -> dict[str, Rewards]:
    return {experiment.grid: read_rewards(experiment, results) for experiment in EXPERIMENTS}


@pytest.fixture(scope="module")
def regrets(results: Path) -> Regrets:
    return read_all_regrets(results)


@pytest.fixture(scope="module")
def figure(rewards: dict[str, Rewards], regrets: Regrets) -> Figure:
    found = reproduction_figure(rewards, regrets)
    found.draw_without_rendering()
    return found


def test_the_tables_are_those_made_by_hand(rewards: dict[str, Rewards], regrets: Regrets, results: Path) -> None:
    """Of three values, resamples have their 2.5 % and 97.5 % quantiles at the outer ones."""
    text = page_text(rewards, regrets, results, results.parent / "docs" / "page.md")
    for line in (
        "| Barcode bandit | epL2RL | 7.6 | 8.25 [8.00, 8.50] | 10.00 | 4,000 | 3 |",
        "| Barcode bandit | epL2RL, nearest | - | 7.50 [7.25, 7.75] | 10.00 | 4,000 | 3 |",
        "| Omniglot bandit | L2RL+context | 1.8 | 4.25 [4.00, 4.50] | 10.00 | 4,000 | 3 |",
        # After three pulls: 0.4 x (10 - reward) x 3 / exposure.
        "| 1 | 6.2 | 2.10 [1.98, 2.22] | 3.00 [2.88, 3.12] | 15.00 |",
        "| 2 | 4.8 | 1.05 [0.99, 1.11] | 1.50 [1.44, 1.56] | 7.50 |",
        "| 5 | - | 0.42 [0.40, 0.44] | 0.60 [0.58, 0.62] | 15.00 |",
        "| 9 | 3.4 | 0.23 [0.22, 0.25] | 0.33 [0.32, 0.35] | 15.00 |",
        # Two fifths of the episodes have half the regret.
        "| random choice | - | 2.40 |",
        "| UCB1 | 7.1 | 4.80 |",
        "| Gittins index | 4.7 | 9.60 |",
    ):
        assert f"\n{line}\n" in text, line
    assert "over 50 episodes of the test's blocks" in text
    assert "![Learning curves and regret of both bandits, with the paper's figures](page.png)" in text
    assert "[omniglot_bandit_regret.csv](../results/omniglot_bandit_regret.csv)" in text
    assert text.endswith("Revision abc.\n")


def test_the_page_says_what_it_is_of_and_where_it_differs(
    rewards: dict[str, Rewards], regrets: Regrets, results: Path
) -> None:
    text = page_text(rewards, regrets, results, results.parent / "page.md")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Reproduction: the bandits of Ritter et al. 2018",
        "## Final reward",
        "## Regret after ten pulls",
        "## Deviations, each named",
        "## How it is made",
    ]


def heights(line: Line2D) -> list[float]:
    found: list[float] = np.asarray(line.get_ydata(), dtype=float).tolist()
    return found


def lines(axes: Axes) -> dict[str, list[float]]:
    """What is drawn, by its place in the legend."""
    return {str(line.get_label()): heights(line) for line in axes.get_lines()}


def test_learning_curves_are_means_between_the_papers_levels(figure: Figure, rewards: dict[str, Rewards]) -> None:
    for axes, experiment in zip(figure.axes[:2], EXPERIMENTS, strict=True):
        drawn = lines(axes)
        means = rewards[experiment.grid].training["epL2RL"]
        assert drawn["epL2RL"] == [mean.value for mean in means.values()]
        levels = [y[0] for y in map(heights, axes.get_lines()) if len(y) == 2]
        assert levels == [*experiment.rewards.values(), 10.0]
        assert len(axes.collections) == 3, "a band an agent"


def test_regrets_are_drawn_by_pull_with_the_papers_last(figure: Figure) -> None:
    first, later = figure.axes[2:]
    assert lines(first)["random choice"] == pytest.approx([0.8, 1.6, 2.4])
    assert lines(first)["epL2RL"] == pytest.approx([0.7, 1.4, 2.1])
    assert lines(later)["epL2RL, exposure 9"] == pytest.approx([0.7 / 9, 1.4 / 9, 2.1 / 9])
    for axes, paper in ((first, [4.7, 6.2, 6.5, 7.1]), (later, [3.4, 4.8])):
        diamonds = [y for line in axes.get_lines() if line.get_marker() == "D" for y in heights(line)]
        assert sorted(diamonds) == paper
    assert first.get_ylim() == later.get_ylim(), "both are read against each other"
    assert [axes.get_title()[:3] for axes in figure.axes] == ["(a)", "(b)", "(c)", "(d)"]
