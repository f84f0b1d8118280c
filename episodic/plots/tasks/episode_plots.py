"""Plots of an agent's episodes: regret and reward by exposure, the training curve, the reinstatement gate."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.style import BLUE, CYCLE, DASHES, VERMILLION, label, name_cells, new_figure, shades


def plot_regret(
    regret: Tensor, players: Mapping[str, Tensor] | None = None, ideal: Mapping[str, Tensor] | None = None
) -> Figure:
    """Plot the cumulative regret by pull, one line an exposure (Ritter et al. 2018, figure 3c).

    Args:
        regret: `[X, T]`, mean regret up to and including each pull, by exposure; rows of NaN are left out.
        players: `[T]` of other players, by name.
        ideal: `[T]` of the ideal player, by name.
    """
    figure = new_figure(8.5, 5)
    axes = figure.axes[0]
    pulls = np.arange(1, regret.shape[1] + 1)
    colours = shades(len(regret))
    for exposure, (line, colour) in enumerate(zip(regret, colours, strict=True), start=1):
        if not line.isnan().any():
            axes.plot(pulls, line, color=colour, label=f"_agent, exposure {exposure}")
    others = _merged({**(players or {}), **(ideal or {})})
    styles = iter(DASHES), iter(DASHES[1:])
    for names, line in others.items():
        is_ideal = any(name in (ideal or {}) for name in names)
        colour, dashes = VERMILLION if is_ideal else "0.45", next(styles[is_ideal])
        axes.plot(pulls, line, color=colour, linestyle=dashes, lw=1.5, label=" and ".join(names))
    label(axes, "pull", "cumulative regret (reward)", "Regret within an episode, by exposure to its context")
    if others:
        axes.legend(fontsize=8, loc="upper left", frameon=False)
    edges = BoundaryNorm(np.arange(len(regret) + 1) + 0.5, len(regret))
    bar = figure.colorbar(ScalarMappable(edges, ListedColormap(colours)), ax=axes, label="the agent's exposure")
    bar.set_ticks([*range(1, len(regret) + 1)])
    bar.ax.minorticks_off()
    bar.ax.invert_yaxis()  # the first exposure, whose regret is the highest, on top
    return figure


def _merged(lines: Mapping[str, Tensor]) -> dict[tuple[str, ...], Tensor]:
    """Give lines that would hide each other one entry: they differ by less than 1 % of the highest value."""
    merged: dict[tuple[str, ...], Tensor] = {}
    near = 0.01 * max((float(line.max()) for line in lines.values()), default=0.0)
    for name, line in lines.items():
        twin = next((names for names, drawn in merged.items() if bool(((drawn - line).abs() <= near).all())), None)
        if twin is None:
            merged[(name,)] = line
        else:
            merged = {(*names, name) if names == twin else names: drawn for names, drawn in merged.items()}
    return merged


def plot_reward(reward: Tensor, players: Mapping[str, Tensor] | None = None) -> Figure:
    """Plot the mean episode reward by exposure.

    Args:
        reward: `[X]` of the agent; NaN is left out.
        players: `[X]` of other players, by name.
    """
    figure = new_figure(6.5, 4.2)
    axes = figure.axes[0]
    exposures = np.arange(1, len(reward) + 1)
    axes.plot(exposures, reward, "o-", color=BLUE, label="agent")
    for (name, line), dashes in zip((players or {}).items(), DASHES[1:], strict=False):
        axes.plot(exposures, line, color=VERMILLION, linestyle=dashes, label=name)
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()))
    axes.set_xticks(exposures)
    label(axes, "exposure", "mean episode reward", "Reward by exposure")
    axes.legend(fontsize=8, loc="lower right")
    return figure


def plot_training(curves: Mapping[str, Sequence[tuple[float, float]]], levels: Mapping[str, float]) -> Figure:
    """Plot rewards over training episodes, with levels to compare them with.

    Args:
        curves: points (episodes, reward) by name; the first is drawn as a thin line, the others with markers.
        levels: rewards of other players, by name.
    """
    figure = new_figure(7.5, 4.2)
    axes = figure.axes[0]
    for number, ((name, points), colour) in enumerate(zip(curves.items(), CYCLE, strict=False)):
        if points:
            x, y = zip(*points, strict=True)
            style = "-" if number == 0 else "o-"
            axes.plot(x, y, style, color=colour, markersize=3, lw=1, alpha=0.6 if number == 0 else 1.0, label=name)
    for (name, level), dashes in zip(levels.items(), DASHES[::-1], strict=False):
        axes.axhline(level, color="0.4", linestyle=dashes, lw=1, label=f"{name} ({level:.2f})")
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    label(axes, "training episodes", "mean episode reward", "Training")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def plot_gate(gate: Tensor) -> Figure:
    """Plot the mean reinstatement gate `[X, T]`: steps across and exposures down; NaN is white.

    With a single exposure it is a line over the steps; NaN is left out.
    """
    figure = new_figure(6, 4.2)
    axes = figure.axes[0]
    if len(gate) == 1:
        steps = gate[0].isfinite().nonzero().squeeze(1)
        axes.plot(steps + 1, gate[0, steps], "o-", color=BLUE, markersize=3)
        axes.set_xlim(0, gate.shape[1] + 1)
        axes.set_ylim(0, 1)
        label(axes, "step", "mean gate", "Reinstatement gate")
        return figure
    image = axes.imshow(gate, aspect="auto", cmap="viridis", vmin=0.0, interpolation="nearest")
    name_cells(axes, range(1, gate.shape[0] + 1), range(1, gate.shape[1] + 1))
    figure.colorbar(image, ax=axes, label="mean gate")
    label(axes, "step", "exposure", "Reinstatement gate")
    return figure
