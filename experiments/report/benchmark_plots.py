"""Plots of the benchmark: normalised rewards by task and way to remember, and learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from episodic.plots.style import CYCLE, DASHES, MARKERS, new_figure
from experiments.tables.statistics import Estimate

GREY = "0.45"
COLUMNS = 4


def score_plot(
    tasks: Sequence[str],
    ways: Sequence[str],
    scores: Mapping[tuple[str, str], Estimate | None],
    limits: Mapping[str, float],
) -> Figure:
    """Draw a panel for each task with a point and an interval for each way to remember.

    Args:
        tasks: the panels.
        ways: the rows.
        scores: by task and way, between chance (0) and the ideal player (1); None: not run.
        limits: by task, what an ideal player without memory earns.
    """
    lines = -(-len(tasks) // COLUMNS)
    figure = new_figure(11, 0.7 + lines * (0.7 + 0.24 * len(ways)), lines, COLUMNS)
    for axes in figure.axes[len(tasks) :]:
        axes.set_axis_off()
    for place, (task, axes) in enumerate(zip(tasks, figure.axes, strict=False)):
        for row, way in enumerate(ways):
            estimate = scores.get((task, way))
            if estimate is None:
                axes.axhspan(row - 0.42, row + 0.42, facecolor="none", edgecolor="0.8", hatch="////", lw=0)
                continue
            color, (low, high) = CYCLE[row % len(CYCLE)], estimate.bounds
            axes.plot([low, high], [row, row], color=color, lw=2)
            axes.plot(estimate.value, row, MARKERS[row % len(MARKERS)], color=color, ms=5)
        axes.axvline(1.0, color=GREY, ls="--", lw=1, zorder=0)
        if task in limits:
            axes.axvline(limits[task], color=GREY, ls=":", lw=1, zorder=0)
        axes.set_title(task, fontsize=9)
        axes.set_yticks(range(len(ways)), ways if place % COLUMNS == 0 else [""] * len(ways), fontsize=8)
        axes.set_ylim(len(ways) - 0.5, -0.5)
        axes.set_xlim(-0.05, 1.05)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        _plain(axes)
    figure.supxlabel("0 %: chance, 100 % (dashed): ideal player, dotted: ideal player without memory", fontsize=8)
    return figure


def learning_plot(tasks: Sequence[str], ways: Sequence[str], curves: pd.DataFrame) -> Figure:
    """Draw the normalised validation reward over training episodes (left) and over seconds (right).

    Args:
        tasks: the lines of panels.
        ways: the curves.
        curves: `task`, `remembers`, `step` in episodes, `time` in seconds, `score`.
    """
    figure = new_figure(9, 0.9 + 1.9 * len(tasks), len(tasks), 2)
    named: set[str] = set()
    for line, task in enumerate(tasks):
        left, right = figure.axes[2 * line : 2 * line + 2]
        for row, way in enumerate(ways):
            own = curves[(curves["task"] == task) & (curves["remembers"] == way)]
            if len(own) < 2:
                continue  # not run, or a training that only joins parts
            style: dict[str, Any] = {
                "color": CYCLE[row % len(CYCLE)],
                "ls": DASHES[row // len(CYCLE)],
                "ms": 3,
                "lw": 1.2,
            }
            marker = MARKERS[row % len(MARKERS)]
            left.plot(own["step"], own["score"], marker=marker, label="" if way in named else way, **style)
            named.add(way)
            right.plot(own["time"], own["score"], marker=marker, **style)
        left.set_title(task, fontsize=9, loc="left")
        left.xaxis.set_major_formatter(FuncFormatter(lambda episodes, _: f"{episodes / 1000:g}"))
        right.set_xscale("log")
        right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        right.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        right.xaxis.set_minor_formatter(NullFormatter())
        for axes in (left, right):
            axes.axhline(1.0, color=GREY, ls="--", lw=1, zorder=0)
            axes.set_ylim(-0.05, 1.08)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
            _plain(axes)
    figure.axes[-2].set_xlabel("training episodes (thousands)", fontsize=8)
    figure.axes[-1].set_xlabel("seconds of training", fontsize=8)
    figure.legend(loc="outside upper center", ncols=5, fontsize=8, frameon=False)
    return figure


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9", lw=0.6)
    axes.set_axisbelow(True)
