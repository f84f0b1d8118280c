"""Plots of a search on a grid: steps to the goal, the cells that were visited, and single paths."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from episodic.plots.memory.memory_recall import OUTCOMES
from episodic.plots.style import BLUE, DASHES, TICKS, VERMILLION, label, new_figure, shades

#: Panels next to each other in a plot of paths have this width, in inches.
PANEL = 2.6


class MazePath(NamedTuple):
    """An episode of T steps on a grid; a cell is given by its column and row, from 0 at the upper left."""

    cells: Tensor  # [T + 1, 2] long, before each step and after the last
    entered: Tensor  # [T, 2] long, where each step led, before any jump
    reached: Tensor  # [T] bool, whether that was the goal
    goal: Tensor  # [2] long


def plot_search(
    steps: Tensor, limit: int, players: Mapping[str, Tensor], reads: Mapping[str, Tensor] | None = None
) -> Figure:
    """Plot the steps to the first goal by exposure, and the outcomes of an agent's reads.

    Args:
        steps: `[X]` of the agent, by exposure.
        limit: Steps of an episode; one more means that the goal was not reached.
        players: `[X]` of other players, by name.
        reads: Share of the reads `[X]` with each outcome, by its name in OUTCOMES; None for an agent without memory.
    """
    figure = new_figure(6.5 if reads is None else 11.5, 4.2, columns=1 if reads is None else 2)
    axes, exposures = figure.axes[0], np.arange(1, len(steps) + 1)
    axes.plot(exposures, steps, "o-", color=BLUE, label="agent")
    for (name, line), dashes in zip(players.items(), DASHES[1:], strict=False):
        axes.plot(exposures, line, color=VERMILLION, linestyle=dashes, label=name)
    axes.set_ylim(bottom=0)
    label(axes, "exposure", "mean steps", f"Steps to the first goal ({limit + 1} if an episode has none)")
    axes.legend(fontsize=8)
    if reads is not None:
        _draw_reads(figure.axes[1], reads)
    if len(steps) <= TICKS:
        for panel in figure.axes:
            panel.set_xticks(exposures)
    return figure


def _draw_reads(axes: Axes, reads: Mapping[str, Tensor]) -> None:
    """Draw stacked bars of the outcomes of reads."""
    bottom = np.zeros(len(next(iter(reads.values()))))
    for name, share in reads.items():
        height = share.nan_to_num().numpy()
        axes.bar(np.arange(1, len(height) + 1), height, bottom=bottom, color=OUTCOMES[name], label=name)
        bottom += height
    axes.set_ylim(0, 1.02)
    label(axes, "exposure", "share of reads", "What the memory returned")
    axes.legend(fontsize=8, ncols=len(reads), loc="upper center", bbox_to_anchor=(0.5, -0.15))


def plot_occupancy(on_grid: Sequence[Tensor], from_goal: Sequence[Tensor], exposures: Sequence[int]) -> Figure:
    """Plot how long an agent stays in each cell, and at each offset from the goal.

    Args:
        on_grid: For each exposure shown, mean steps of an episode in each cell, `[height, width]`.
        from_goal: The same by offset from the goal, `[2 * height - 1, 2 * width - 1]`, with the goal in the middle;
            NaN for offsets that do not occur.
        exposures: Numbers of the exposures.
    """
    figure = new_figure(3.6 * len(exposures) + 1, 6.8, rows=2, columns=len(exposures))
    colours = colormaps["viridis"].with_extremes(bad="0.85")
    panels = np.array(figure.axes).reshape(2, len(exposures))
    for row, images, title in zip(panels, (on_grid, from_goal), ("on the grid", "seen from the goal"), strict=True):
        most = max(float(image.nan_to_num().max()) for image in images)
        for axes, image, exposure in zip(row, images, exposures, strict=True):
            height, width = image.shape
            if title == "on the grid":
                extent = (0.5, width + 0.5, height + 0.5, 0.5)
                label(axes, "column", "row")
            else:
                extent = (-width / 2, width / 2, height / 2, -height / 2)
                label(axes, "columns right of the goal", "rows below the goal")
                axes.plot(0, 0, "*", color=VERMILLION, markersize=12)
            shown = axes.imshow(image, cmap=colours, vmin=0, vmax=most, extent=extent, interpolation="nearest")
            axes.set_title(f"exposure {exposure}, {title}", fontsize=10)
            axes.locator_params(integer=True)
        figure.colorbar(shown, ax=list(row), label="steps per episode in a cell")
    figure.suptitle("Where the agent spends its steps", fontsize=11)
    return figure


def plot_paths(paths: Sequence[Sequence[MazePath]], exposures: Sequence[int], width: int, height: int) -> Figure:
    """Plot paths on the grid, one row of panels a context and one column an exposure.

    Args:
        paths: For each context, the path at each exposure shown.
        exposures: Numbers of the exposures.
        width: Columns of the grid.
        height: Rows of the grid.
    """
    rows, columns = len(paths), len(exposures)
    figure = new_figure(PANEL * columns + 0.4, PANEL * rows * height / width + 1.2, rows, columns)
    for number, axes in enumerate(figure.axes):
        path, exposure = paths[number // columns][number % columns], exposures[number % columns]
        _draw_path(axes, path, width, height)
        goals, first = int(path.reached.sum()), path.reached.int().argmax() + 1
        after = f", first at step {first}" if goals else ""
        axes.set_title(f"exposure {exposure}: {goals} goal{'' if goals == 1 else 's'}{after}", fontsize=9)
        if number % columns == 0:
            axes.set_ylabel(f"context {number // columns + 1}")
    marks = [
        Line2D([], [], color="black", marker="o", linestyle="", markerfacecolor="white", label="start"),
        Line2D([], [], color=VERMILLION, marker="*", linestyle="", markersize=11, label="goal"),
        Line2D([], [], color=shades(2)[0], label="way to a goal, from dark (first) to light (last)"),
        Line2D([], [], color="0.45", linestyle=":", marker="s", markersize=4, label="jump to another cell"),
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle("Paths in contexts of one block", fontsize=11)
    return figure


def _draw_path(axes: Axes, path: MazePath, width: int, height: int) -> None:
    """Draw the ways to the goal, side by side where they share cells, and the jumps between them."""
    ends = [*(path.reached.nonzero().flatten() + 1).tolist(), len(path.reached)]
    starts = [0, *ends[:-1]]
    ways = [(start, end) for start, end in zip(starts, ends, strict=True) if end > start]
    spread = np.linspace(-0.2, 0.2, len(ways)) if len(ways) > 1 else [0.0]
    for (start, end), colour, shift in zip(ways, shades(len(ways)), spread, strict=True):
        cells = [path.cells[start].tolist(), *path.entered[start:end].tolist()]
        x, y = (np.array(part) + shift for part in zip(*cells, strict=True))
        axes.plot(x, y, color=colour, lw=1.6, solid_joinstyle="round")
        if start > 0:
            (gx, gy) = path.goal.tolist()
            axes.plot([gx, x[0]], [gy, y[0]], ":", color="0.45", lw=1)
            axes.plot(x[0], y[0], "s", color="0.45", markersize=4)
        else:
            axes.plot(x[0], y[0], "o", color="black", markerfacecolor="white", markersize=7)
    axes.plot(*path.goal.tolist(), "*", color=VERMILLION, markersize=14, zorder=3)
    axes.set_xticks(np.arange(width + 1) - 0.5, [])
    axes.set_yticks(np.arange(height + 1) - 0.5, [])
    axes.grid(color="0.85")
    axes.tick_params(length=0)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_aspect("equal")
