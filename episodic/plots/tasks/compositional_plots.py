"""Plots of the compositional bandit: regret by the familiarity of the two arms, of an episode and pull by pull."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.style import BLUE, DASHES, VERMILLION, label, new_figure

#: Colour of each player, in the order in which they are given: the agent, then those to compare it with.
COLOURS = (BLUE, "0.6", VERMILLION)


def plot_familiarity(regret: Mapping[str, Tensor], kinds: Sequence[str], shares: Tensor, highest: float) -> Figure:
    """Plot the mean regret of an episode by familiarity, one bar for each player; a second axis shows the reward.

    Args:
        regret: `[K]` by player, NaN where no episode has this familiarity.
        kinds: names of the K familiarities.
        shares: `[K]`, share of episodes of each.
        highest: expected reward of an episode without regret.
    """
    figure = new_figure(7.5, 4.4)
    axes = figure.axes[0]
    width, columns = 0.8 / len(regret), np.arange(len(kinds))
    for number, ((name, heights), colour) in enumerate(zip(regret.items(), COLOURS, strict=False)):
        x = columns + (number - (len(regret) - 1) / 2) * width
        bars = axes.bar(x, heights.numpy(), width, color=colour, edgecolor="white", label=name)
        texts = ["" if height.isnan() else f"{height:.2f}" for height in heights]
        axes.bar_label(bars, texts, fontsize=7, padding=2)
    axes.set_xticks(columns, [f"{kind}\n{share:.0%} of episodes" for kind, share in zip(kinds, shares, strict=True)])
    axes.set_ylim(0.0, 1.05 * axes.get_ylim()[1])

    def other(y: Any) -> Any:  # reward of a regret, and regret of a reward
        return highest - y

    reward = axes.secondary_yaxis("right", functions=(other, other))
    reward.set_ylabel("expected reward of an episode")
    label(axes, "", "regret of an episode (reward)", "Regret by familiarity of the two arms")
    figure.legend(fontsize=8, ncols=len(regret), loc="outside lower center")
    return figure


def plot_regret_by_pull(regret: Mapping[str, Tensor], kinds: Sequence[str]) -> Figure:
    """Plot the cumulative regret by pull, one panel for each familiarity.

    Args:
        regret: `[K, T]` by player, mean regret up to and including each pull; rows of NaN are left out.
        kinds: names of the K familiarities.
    """
    figure = new_figure(2.6 * len(kinds) + 0.6, 3.4, columns=len(kinds))
    highest = max(float(lines.nan_to_num().max()) for lines in regret.values())
    for row, (axes, kind) in enumerate(zip(figure.axes, kinds, strict=True)):
        for (name, lines), colour, dashes in zip(regret.items(), COLOURS, DASHES, strict=False):
            if not lines[row].isnan().any():
                pulls = np.arange(1, lines.shape[1] + 1)
                axes.plot(pulls, lines[row].numpy(), dashes, marker="o", markersize=3, color=colour, label=name)
        axes.set_ylim(-0.03 * highest, 1.08 * highest)
        axes.set_xticks(np.arange(1, next(iter(regret.values())).shape[1] + 1))
        label(axes, "pull", "cumulative regret (reward)" if row == 0 else "", kind)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, fontsize=8, ncols=len(regret), loc="outside lower center")
    figure.suptitle("Regret within an episode, by familiarity of the two arms", fontsize=10)
    return figure
