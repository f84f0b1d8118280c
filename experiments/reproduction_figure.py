"""The picture of the reproduction page: figure 3 of Ritter et al. 2018, from our runs, with the paper's figures."""

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from experiments.paper import (
    AGENTS,
    EPISODIC_REGRETS,
    EXPERIMENTS,
    NEAREST,
    PLAYER_REGRETS,
    PLAYER_TITLES,
    Experiment,
)
from experiments.reproduction_means import Line
from experiments.reproduction_regrets import Regrets
from experiments.reproduction_rewards import Rewards

COLORS = dict(zip(AGENTS, ("tab:blue", "tab:orange", "tab:green"), strict=True))
PLAYER_COLORS = dict(zip(PLAYER_REGRETS, ("0.65", "tab:brown", "tab:purple", "tab:red"), strict=True))
EXPOSURE_COLORS = dict(zip(EPISODIC_REGRETS, ("tab:blue", "#440154", "#31688e", "#35b779"), strict=True))
BESIDE = 0.35  # of a pull, to the right of the last one: where the paper's regret after it is drawn
LEVEL = Line2D([], [], color="0.3", ls="--", lw=1.2)
DIAMOND = Line2D([], [], color="0.3", marker="D", markersize=5, mfc="w", ls="")
SMALL = 8


def reproduction_figure(rewards: Mapping[str, Rewards], regrets: Regrets) -> Figure:
    """Panels a and b: learning curves of both experiments; c and d: regret at the first and at later exposures."""
    figure = Figure((9.6, 7.6), layout="constrained")
    panels = list(figure.subplots(2, 2).flat)
    for axes, experiment, letter in zip(panels, EXPERIMENTS, "ab", strict=False):
        _learning(axes, experiment, rewards[experiment.grid])
        axes.set_title(f"({letter}) {experiment.title}: learning", fontsize=9)
    _first_exposure(panels[2], regrets)
    panels[2].set_title("(c) Omniglot bandit: first exposure to a character", fontsize=9)
    _later_exposures(panels[3], regrets)
    panels[3].set_title("(d) Omniglot bandit: later exposures", fontsize=9)
    top = max(axes.get_ylim()[1] for axes in panels[2:])
    for axes in panels:
        axes.tick_params(labelsize=SMALL)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0, 9.4 if axes in panels[:2] else top)
    return figure


def _learning(axes: Axes, experiment: Experiment, rewards: Rewards) -> None:
    """Training rewards as lines, validations as dots, the paper's final rewards as levels."""
    for name, shift in zip(AGENTS, (0, 0, 4), strict=True):  # of two levels that are the same both are seen
        color, final = COLORS[name], experiment.rewards[name]
        _line(axes, rewards.training[name], color, "-", name)
        places = rewards.validation[name]
        axes.plot(list(places), [mean.value for mean in places.values()], "o", color=color, markersize=3)
        axes.axhline(final, color=color, ls=(shift, (4, 4)), lw=1.2)
    axes.axhline(rewards.ideal, color="0.4", ls=":", lw=1.2)
    handles, labels = axes.get_legend_handles_labels()
    more = {
        "validation": Line2D([], [], color="0.3", marker="o", markersize=3, ls=""),
        "the paper's final reward": LEVEL,
        f"ideal observer ({rewards.ideal:.2f})": Line2D([], [], color="0.4", ls=":", lw=1.2),
    }
    axes.legend([*handles, *more.values()], [*labels, *more], fontsize=7, frameon=False, loc="lower right", ncols=2)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda episodes, _: f"{episodes / 1000:g}"))
    axes.set_xlabel("training episodes, thousands", fontsize=SMALL)
    axes.set_ylabel("reward an episode", fontsize=SMALL)


def _first_exposure(axes: Axes, regrets: Regrets) -> None:
    """The agent beside players without memory."""
    for (name, regret), style in zip(regrets.players.items(), ("-", "--", "-", "-"), strict=True):
        color = PLAYER_COLORS[name]
        axes.plot(list(regret), list(regret.values()), color=color, ls=style, lw=1.4, label=PLAYER_TITLES[name])
        _paper(axes, max(regret), PLAYER_REGRETS[name], color)
    for name, style in ((AGENTS[0], "-"), (NEAREST, "-.")):
        _line(axes, regrets.agents[name, 1], EXPOSURE_COLORS[1], style, name)
    ideal = regrets.ideal[1]
    _paper(axes, max(ideal), EPISODIC_REGRETS[1], EXPOSURE_COLORS[1])
    axes.plot(list(ideal), list(ideal.values()), color="0.2", ls=":", lw=1.2, label="ideal observer")
    _regret_legend(axes, {})


def _later_exposures(axes: Axes, regrets: Regrets) -> None:
    """The agent's exposures beside the ideal observer's."""
    for exposure in list(EPISODIC_REGRETS)[1:]:
        color = EXPOSURE_COLORS[exposure]
        _line(axes, regrets.agents[AGENTS[0], exposure], color, "-", f"{AGENTS[0]}, exposure {exposure}")
        _line(axes, regrets.agents[NEAREST, exposure], color, "-.", "")
        ideal = regrets.ideal[exposure]
        axes.plot(list(ideal), list(ideal.values()), color=color, ls=":", lw=1.2)
        _paper(axes, max(ideal), EPISODIC_REGRETS[exposure], color)
    _regret_legend(
        axes, {NEAREST: Line2D([], [], color="0.3", ls="-."), "ideal observer": Line2D([], [], color="0.3", ls=":")}
    )


def _regret_legend(axes: Axes, more: Mapping[str, Line2D]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    told = {**dict(zip(labels, handles, strict=True)), **more, "the paper, after ten pulls": DIAMOND}
    axes.legend(list(told.values()), list(told), fontsize=7, frameon=False, loc="upper left")
    axes.set_xlabel("pull", fontsize=SMALL)
    axes.set_ylabel("regret so far", fontsize=SMALL)


def _line(axes: Axes, line: Line, color: str, style: str, label: str) -> None:
    """Means, with a band between the bounds of their intervals."""
    places, means = list(line), list(line.values())
    axes.plot(places, [mean.value for mean in means], color=color, ls=style, lw=1.5, label=label)
    low = [mean.value if math.isnan(mean.low) else mean.low for mean in means]
    high = [mean.value if math.isnan(mean.high) else mean.high for mean in means]
    axes.fill_between(places, low, high, color=color, alpha=0.25, lw=0)


def _paper(axes: Axes, last: int, regret: float | None, color: str) -> None:
    """The paper's regret after the last pull, where it was read off."""
    if regret is not None:
        axes.plot(last + BESIDE, regret, "D", markersize=5, mfc="w", mec=color, mew=1.4, clip_on=False)
