"""Plots of the two-step task: stay probabilities, and reward by trial."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.style import BLACK, BLUE, DASHES, GREEN, MARKERS, PURPLE, VERMILLION, label, new_figure

#: Colours of the players besides the agent, in this order.
PLAYERS = (VERMILLION, GREEN, BLACK, PURPLE)
#: Stay probabilities of epL2RL in Ritter et al. 2018 (arXiv 1805.09692), experiment 5, read off the figure to 0.02, in
#: the order of OUTCOMES: of uncued and cued trials against the trial before, of cued trials against the cued trial.
PAPER_STAYS: Mapping[str, tuple[float, ...]] = {
    "uncued": (1.00, 0.14, 0.08, 1.00),
    "cued": (0.72, 0.46, 0.42, 0.78),
    "episodic": (0.84, 0.30, 0.35, 0.72),
}
#: What a stay probability depends on, in the order of the numbers.
OUTCOMES = ("rewarded\ncommon", "rewarded\nuncommon", "unrewarded\ncommon", "unrewarded\nuncommon")


def plot_stays(panels: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Plot probabilities of repeating the choice of an earlier trial, by the outcome of that trial.

    Args:
        panels: by title, which says the trials and the earlier ones; `[4]` by player, in the order of OUTCOMES. The
            first player is drawn as bars, the others as markers. NaN is left out.
    """
    figure = new_figure(4.2 * len(panels), 4.0, columns=len(panels))
    positions = np.arange(len(OUTCOMES))
    names = list(dict.fromkeys(name for players in panels.values() for name in players))
    for axes, (title, players) in zip(figure.axes, panels.items(), strict=True):
        for name, stays in players.items():
            number = names.index(name)
            if number == 0:
                axes.bar(positions, stays, width=0.6, color=BLUE, alpha=0.55, label=name)
                continue
            offset = 0.16 * (number - len(names) / 2)
            colour, marker = PLAYERS[(number - 1) % len(PLAYERS)], MARKERS[number % len(MARKERS)]
            axes.plot(positions + offset, stays, marker, color=colour, markersize=6, clip_on=False, label=name)
        axes.set_xticks(positions, OUTCOMES, fontsize=8)
        axes.set_ylim(0, 1)
        label(axes, "outcome of the earlier trial", "stay probability", title)
    lines = [line for axes in figure.axes for line in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {name: handle for handle, name in lines}
    figure.legend([handles[name] for name in names], names, loc="outside lower center", ncols=len(names), fontsize=8)
    return figure


def plot_reward_by_trial(rewards: Mapping[str, Tensor], bin_size: int, first_cued: int) -> Figure:
    """Plot the mean reward of a trial over the block, in bins of `bin_size` trials.

    Args:
        rewards: `[N]` mean reward of each trial, by player.
        bin_size: Trials in a bin; the last bin may have fewer.
        first_cued: Number of the first cued trial, from 0.
    """
    figure = new_figure(6.5, 4.2)
    axes = figure.axes[0]
    colours = (BLUE, *PLAYERS)
    for number, (name, line) in enumerate(rewards.items()):
        starts = range(0, len(line), bin_size)
        means = [float(part.mean()) for part in line.split(bin_size)]
        middles = [(start + 1 + min(start + bin_size, len(line))) / 2 for start in starts]
        style = {"marker": "o", "markersize": 4} if number == 0 else {"linestyle": DASHES[number % len(DASHES)]}
        axes.plot(middles, means, color=colours[number % len(colours)], label=f"{name} ({line.sum():.1f})", **style)
    axes.axvline(first_cued + 0.5, color="0.6", lw=1)
    axes.text(first_cued + 0.5, 0.02, " cued trials", transform=axes.get_xaxis_transform(), fontsize=8, color="0.4")
    title = f"Reward by trial (means of {bin_size} trials; in brackets: of a block)"
    label(axes, "trial", "mean reward", title)
    axes.set_ylim(min(0.5, axes.get_ylim()[0]), max(0.9, axes.get_ylim()[1]))
    axes.legend(fontsize=8, loc="upper left")
    return figure
