"""The plot of the reproduction page: figure 3 of Ritter et al. 2018, from our runs, with the paper's numbers."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from episodic.plots.style import BLACK, BLUE, CYCLE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, label, new_figure
from experiments.report.reproduction import AGENTS, EXPERIMENTS, EXPOSURES, IDEAL, NEAREST, PLAYERS, Experiment, Results

GREY = "0.4"
MARKERS = dict(zip(AGENTS, "osD", strict=True))
EXPOSURE_STYLES = dict(zip(EXPOSURES, ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (PURPLE, "D")), strict=True))
PLAYER_STYLES = dict(zip(PLAYERS, ((GREY, "-"), (BLACK, (0, (1, 2))), (ORANGE, "--"), (SKY, "-.")), strict=True))
LEGEND = {"fontsize": 7, "frameon": False}


def reproduction_plot(found: Results) -> Figure:
    """Draw learning curves of both experiments (a, b), and regret at first (c) and at later exposures (d)."""
    figure = new_figure(9.6, 7.8, 2, 2)
    panels = figure.axes
    for axes, experiment, letter in zip(panels[:2], EXPERIMENTS, "ab", strict=True):
        _draw_learning(axes, experiment, found)
        label(axes, "training episodes (thousands)", "reward per episode", f"({letter}) {experiment.title}: learning")
    _draw_first_exposure(panels[2], found)
    label(panels[2], "pull", "regret so far", "(c) Omniglot bandit: first exposure to a character")
    _draw_later_exposures(panels[3], found)
    label(panels[3], "pull", "regret so far", "(d) Omniglot bandit: later exposures")
    top = max(axes.get_ylim()[1] for axes in panels[2:])
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0, 9.4 if axes in panels[:2] else top)
    return figure


def _draw_learning(axes: Axes, experiment: Experiment, found: Results) -> None:
    """Training rewards as lines, validations as markers, the paper's final rewards as levels."""
    for place, name in enumerate(AGENTS):
        color = CYCLE[place]
        _line(axes, found.curve(experiment, name, "train/reward"), color, "-", name)
        points = found.curve(experiment, name, "val/reward")
        axes.plot(points.index, [own.value for own in points], MARKERS[name], color=color, markersize=3)
        shift = 4 if place == 2 else 0  # of two levels that are the same both can be seen
        axes.axhline(experiment.rewards[name], color=color, ls=(shift, (4, 4)), lw=1.2)
    ideal = found.ideal_reward(experiment)
    axes.axhline(ideal, color=GREY, ls=":", lw=1.2)
    handles, labels = axes.get_legend_handles_labels()
    more = {
        "validation": Line2D([], [], color="0.3", marker="o", markersize=3, ls=""),
        "the paper's final reward": Line2D([], [], color="0.3", ls="--", lw=1.2),
        f"ideal observer ({ideal:.2f})": Line2D([], [], color=GREY, ls=":", lw=1.2),
    }
    axes.legend([*handles, *more.values()], [*labels, *more], loc="lower right", ncols=2, **LEGEND)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda episodes, _: f"{episodes / 1000:g}"))


def _draw_first_exposure(axes: Axes, found: Results) -> None:
    """The agent beside players without memory."""
    for name, (title, paper) in PLAYERS.items():
        regret, (color, style) = found.player(name), PLAYER_STYLES[name]
        axes.plot(regret.index, regret, color=color, ls=style, lw=1.6, label=title)
        _paper(axes, paper, color)
    for name, style in ((AGENTS[0], "-"), (NEAREST, "-.")):
        _line(axes, found.agent(name, 1), BLUE, style, name)
    _paper(axes, EXPOSURES[1], BLUE)
    ideal = found.player(IDEAL, 1)
    axes.plot(ideal.index, ideal, color="0.2", ls=":", lw=1.2, label="ideal observer")
    _regret_legend(axes, {})


def _draw_later_exposures(axes: Axes, found: Results) -> None:
    """The agent's exposures beside the ideal observer's."""
    for exposure, paper in list(EXPOSURES.items())[1:]:
        color, marker = EXPOSURE_STYLES[exposure]
        _line(axes, found.agent(AGENTS[0], exposure), color, "-", f"{AGENTS[0]}, exposure {exposure}", marker)
        _line(axes, found.agent(NEAREST, exposure), color, "-.", "", marker)
        ideal = found.player(IDEAL, exposure)
        axes.plot(ideal.index, ideal, color=color, ls=":", lw=1.2)
        _paper(axes, paper, color)
    styles = {NEAREST: "-.", "ideal observer": ":"}
    _regret_legend(axes, {name: Line2D([], [], color="0.3", ls=style) for name, style in styles.items()})


def _regret_legend(axes: Axes, more: dict[str, Line2D]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    paper = Line2D([], [], color="0.3", marker="D", markersize=5, mfc="w", ls="")
    entries = {**dict(zip(labels, handles, strict=True)), **more, "the paper, after ten pulls": paper}
    axes.legend(list(entries.values()), list(entries), loc="upper left", **LEGEND)


def _line(axes: Axes, estimates: pd.Series, color: str, style: str, name: str, marker: str = "") -> None:
    """Means, with a band between the bounds of their intervals."""
    low, high = zip(*(own.bounds for own in estimates), strict=True)
    places = list(estimates.index)
    axes.plot(places, [own.value for own in estimates], color=color, ls=style, lw=1.5, label=name, marker=marker, ms=3)
    axes.fill_between(places, low, high, color=color, alpha=0.25, lw=0)


def _paper(axes: Axes, regret: float | None, color: str) -> None:
    """The paper's regret after ten pulls, to the right of the last one."""
    if regret is not None:
        axes.plot(10.35, regret, "D", markersize=5, mfc="w", mec=color, mew=1.4, clip_on=False)
