"""The plot of experiments 3 to 5 and of the contextual choice task, from our runs, with the paper's numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from episodic.plots.style import BLUE, GREEN, VERMILLION, label, new_figure
from episodic.plots.tasks.two_step_plots import OUTCOMES as OUTCOME_LABELS
from episodic.plots.tasks.two_step_plots import PAPER_STAYS
from experiments.report.further_tasks import (
    COMPARISONS,
    COMPOSITIONAL,
    FAMILIARITY,
    FURTHER,
    MAZE,
    OUTCOMES,
    QUERIED,
    TWO_STEP,
    WITH_MEMORY,
    WITHOUT_MEMORY,
    FurtherResults,
    FurtherTask,
)
from experiments.tables.statistics import Estimate, mean

AGENT = "epL2RL"
GREY = "0.4"
MAZE_EXPOSURES, IDEAL_EXPOSURES = range(1, 11), (1, 2, 10)
LEGEND = {"fontsize": 7, "frameon": False}


class _Points(NamedTuple):
    """How a series of points looks."""

    name: str
    color: str
    marker: str
    shift: float = 0.0  # to the right


def further_tasks_plot(results: FurtherResults) -> Figure:
    """Draw what the memory brings (a), regret by familiarity (b), steps to the goal (c), stay probabilities (d-f)."""
    figure = new_figure(11.4, 7.4, 2, 3)
    top, bottom = figure.axes[:3], figure.axes[3:]
    _draw_gain(top[0], results)
    _draw_familiarity(top[1], results)
    _draw_steps(top[2], results)
    for axes, (comparison, title), letter in zip(bottom, COMPARISONS.items(), "def", strict=True):
        _draw_stays(axes, results, comparison)
        label(axes, "outcome of the earlier trial", "stay probability", f"({letter}) Two-step: {title}")
    bottom[0].legend(loc="center", **LEGEND)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_gain(axes: Axes, results: FurtherResults) -> None:
    """Reward of agents, 0 for the ideal player without memory and 1 for the ideal player."""
    names = [(task, agent) for task in FURTHER for agent in _with_memory(results, task)]
    for position, (task, agent) in enumerate(names):
        played = task.played.get(agent, task.grid)
        low, high = (results.player_mean(played, player, "reward") for player in (WITHOUT_MEMORY, WITH_MEMORY))
        gain = mean([(value - low) / (high - low) for value in results.values(task, agent, "test/reward")])
        errors = [[gain.value - gain.bounds[0]], [gain.bounds[1] - gain.value]]
        axes.errorbar(gain.value, position, xerr=errors, fmt="o", color=BLUE, ms=5, capsize=3, label="ours")
        if agent in task.reported:
            _hollow(axes, [(task.reported[agent] - low) / (high - low)], [position], VERMILLION, "D", "reported")
    for bound in (0, 1):
        axes.axvline(bound, color=GREY, lw=1, ls=":")
    axes.set_xlim(-0.05, 1.05)
    titles = [task.title if agent == AGENT else f"{task.title},\n{agent.split(', ')[-1]}" for task, agent in names]
    axes.set_yticks(range(len(names)), titles, fontsize=8)
    axes.invert_yaxis()
    label(axes, "0: ideal without memory, 1: ideal", "", "(a) What the memory brings")
    handles, labels = axes.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))
    axes.legend(list(entries.values()), list(entries), loc="upper left", **LEGEND)


def _with_memory(results: FurtherResults, task: FurtherTask) -> list[str]:
    agents = dict.fromkeys(str(name) for name in results.tests[task.grid]["agent"])
    return [name for name in agents if name.startswith(AGENT)]


def _draw_familiarity(axes: Axes, results: FurtherResults) -> None:
    """Regret of an episode by the arms whose classes have occurred before, with each reading's ideal player."""
    for agent, style in (
        (AGENT, _Points("both cues stored", BLUE, "o", -0.12)),
        (QUERIED, _Points("queried cue stored", GREEN, "s", 0.12)),
    ):
        played = COMPOSITIONAL.played.get(agent, COMPOSITIONAL.grid)
        names = [f"regret_{name}" for name in FAMILIARITY]
        positions = np.arange(len(names)) + style.shift
        ours = [results.estimate(COMPOSITIONAL, agent, f"test/{name}") for name in names]
        _points(axes, positions, ours, style)
        ideal = [results.player_mean(played, WITH_MEMORY, name) for name in names]
        axes.plot(positions, ideal, "_", color=style.color, markersize=14, label=f"ideal, {style.name}")
    axes.set_xticks(range(len(FAMILIARITY)), [name.replace(" one", "\none") for name in FAMILIARITY.values()])
    axes.set_ylim(bottom=0)
    label(axes, "familiar arms", "regret of an episode", "(b) Compositional bandit: regret by familiarity")
    axes.legend(loc="upper right", **LEGEND)


def _draw_steps(axes: Axes, results: FurtherResults) -> None:
    """Steps to the first goal by exposure, with and without memory."""
    for agent, color, marker in ((AGENT, BLUE, "o"), ("L2RL", VERMILLION, "s")):
        own = [results.estimate(MAZE, agent, f"test/steps_to_goal_exposure_{number:02d}") for number in MAZE_EXPOSURES]
        low, high = zip(*(one.bounds for one in own), strict=True)
        axes.plot(MAZE_EXPOSURES, [one.value for one in own], color=color, marker=marker, ms=4, lw=1.5, label=agent)
        axes.fill_between(MAZE_EXPOSURES, low, high, color=color, alpha=0.25, lw=0)
    names = [f"steps_to_goal_exposure_{number:02d}" for number in IDEAL_EXPOSURES]
    ideal = [results.player_mean(MAZE.grid, WITH_MEMORY, name) for name in names]
    _hollow(axes, IDEAL_EXPOSURES, ideal, GREY, "^", "ideal player")
    axes.set_ylim(bottom=0)
    label(axes, "exposure to the context", "steps to the first goal", "(c) Water maze: steps to the goal")
    axes.legend(loc="center right", **LEGEND)


def _draw_stays(axes: Axes, results: FurtherResults, comparison: str) -> None:
    """Probability of the earlier trial's choice, ours, the paper's and the ideal player's."""
    positions = np.arange(len(OUTCOMES))
    names = [f"stay_{comparison}_{outcome}" for outcome in OUTCOMES]
    ours = [results.estimate(TWO_STEP, AGENT, f"test/{name}") for name in names]
    _points(axes, positions, ours, _Points("ours (epL2RL)", BLUE, "o"))
    _hollow(axes, positions + 0.2, PAPER_STAYS[comparison], VERMILLION, "D", "the paper's epL2RL")
    ideal = [results.player_mean(TWO_STEP.grid, WITH_MEMORY, name) for name in names]
    _hollow(axes, positions - 0.2, ideal, GREY, "^", "ideal player")
    axes.set_xticks(positions, OUTCOME_LABELS, fontsize=8)
    axes.set_ylim(-0.03, 1.03)


def _points(axes: Axes, positions: Sequence[float] | np.ndarray, estimates: Sequence[Estimate], style: _Points) -> None:
    """Means with their intervals."""
    values = np.array([one.value for one in estimates])
    bounds = np.array([one.bounds for one in estimates]).T
    errors = np.abs(bounds - values)
    axes.errorbar(positions, values, errors, fmt=style.marker, color=style.color, ms=5, capsize=3, label=style.name)


def _hollow(
    axes: Axes, positions: Sequence[float] | np.ndarray, values: Sequence[float], color: str, marker: str, name: str
) -> None:
    axes.plot(positions, values, marker, markersize=6, mfc="w", mec=color, mew=1.4, ls="", label=name, clip_on=False)
