"""Plot of choices between two by the steps of a trial."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.style import BLUE, DASHES, MARKERS, TICKS, VERMILLION, label, new_figure, shades

#: Halves of a block, in order.
HALVES = ("first half: new contexts", "second half: contexts return")


def plot_choices(accuracy: Tensor, quiet: int, players: Mapping[str, Tensor], gate: Tensor | None = None) -> Figure:
    """Plot the share of right choices by step, and the reinstatement gate.

    Args:
        accuracy: `[2, T]` of the agent in each half of a block.
        quiet: Steps at the start of a trial without evidence.
        players: `[2, T]` of other players, by name.
        gate: `[2, T]`, the mean gate; None for an agent without memory.
    """
    panels = 2 if gate is None else 3
    figure = new_figure(4.2 * panels, 4.0, columns=panels)
    steps = list(range(1, accuracy.shape[1] + 1))
    for half, axes in enumerate(figure.axes[:2]):
        axes.plot(steps, accuracy[half], "o-", color=BLUE, label="agent")
        for (name, line), dashes in zip(players.items(), DASHES[1:], strict=False):
            axes.plot(steps, line[half], color=VERMILLION, linestyle=dashes, label=name)
        axes.axhline(0.5, color="0.4", linestyle=":", lw=1, label="chance")
        axes.set_ylim(0.4, 1.03)
        _mark_quiet(axes, quiet, steps)
        label(axes, "step", "share of right choices", HALVES[half])
        axes.legend(fontsize=7, loc="lower right")
    if gate is not None:
        _draw_gate(figure.axes[2], gate, quiet, steps)
    return figure


def _draw_gate(axes: Axes, gate: Tensor, quiet: int, steps: list[int]) -> None:
    for half, colour, marker in zip(range(2), shades(2), MARKERS, strict=False):
        axes.plot(steps, gate[half], color=colour, marker=marker, label=HALVES[half].partition(":")[0])
    axes.set_ylim(0, 1)
    _mark_quiet(axes, quiet, steps)
    label(axes, "step", "mean gate", "Reinstatement gate")
    axes.legend(fontsize=7)


def _mark_quiet(axes: Axes, quiet: int, steps: list[int]) -> None:
    """Shade the steps without evidence."""
    if quiet > 0:
        axes.axvspan(0.5, quiet + 0.5, color="0.92", zorder=0, label="no evidence yet")
    axes.set_xlim(0.5, len(steps) + 0.5)
    if len(steps) <= TICKS:
        axes.set_xticks(steps)
