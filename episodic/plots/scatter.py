"""Points in two dimensions, distinguished by class."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from episodic.plots.memory.memory_contents import UNKNOWN
from episodic.plots.planes import Plane, rosettes
from episodic.plots.style import CYCLE, note

PANEL = 2.9  # inches
MARKERS = ("o", "s", "^")
#: Classes that a legend lists; more of them are coloured along a scale, which a bar explains.
LISTED = len(CYCLE) * len(MARKERS)


class Classes:
    """The classes of N points: a colour and marker each, or for many classes a colour on a scale.

    Args:
        title: of the legend.
        numbers: `[N]` long, the class of each point.
    """

    def __init__(self, title: str, numbers: Tensor) -> None:
        self.title = title
        values, index = np.unique(numbers.numpy(), return_inverse=True)
        self.names = ["unknown" if value == UNKNOWN else str(value) for value in values]
        self.index = index.reshape(-1)  # [N]
        self.listed = len(self.names) <= LISTED
        if self.listed:
            self.palette = [CYCLE[number % len(CYCLE)] for number in range(len(self.names))]
            self.markers = [MARKERS[number // len(CYCLE)] for number in range(len(self.names))]
        else:
            self.palette = [to_hex(colormaps["viridis"](x)) for x in np.linspace(0, 1, len(self.names))]
            self.markers = [MARKERS[0]] * len(self.names)

    def explain(self, figure: Figure, panels: Sequence[Axes], corner: Literal["upper", "lower"]) -> None:
        """Add a legend at the right of the figure, or a colour bar beside the panels."""
        if not self.listed:
            self._bar(figure, panels)
            return
        handles = [
            Line2D([], [], linestyle="", marker=marker, markersize=5, color=colour, label=name)
            for colour, marker, name in zip(self.palette, self.markers, self.names, strict=True)
        ]
        figure.legend(
            handles=handles,
            title=self.title,
            loc="outside right upper" if corner == "upper" else "outside right lower",
            ncols=2 if len(handles) > 10 else 1,
            fontsize=7,
            title_fontsize=8,
        )

    def _bar(self, figure: Figure, panels: Sequence[Axes]) -> None:
        edges = np.arange(len(self.names) + 1) - 0.5
        norm = BoundaryNorm(edges.tolist(), len(self.names))
        bar = figure.colorbar(
            ScalarMappable(norm, ListedColormap(self.palette)), ax=list(panels), pad=0.015, aspect=40, fraction=0.03
        )
        ticks = range(0, len(self.names), -(-len(self.names) // 26))
        bar.set_ticks(list(ticks), labels=[self.names[tick] for tick in ticks], fontsize=7)
        bar.ax.tick_params(length=2)
        bar.ax.minorticks_off()
        bar.ax.set_title(self.title, fontsize=8)


def draw_plane(axes: Axes, plane: Plane, classes: Classes) -> bool:
    """Draw the points of a plane, and its centres as crosses; return whether any points coincided."""
    if plane.note is not None:
        note(axes, plane.note)
        return False
    area = float(np.clip(2400 / len(plane.points), 7, 26))
    # Neighbours in a sunflower are about 1.8 steps apart: a diameter here.
    points, coincided = rosettes(plane.points, np.sqrt(area) / 1.8 / (72 * PANEL * 0.8))
    colours, markers = (np.array(part)[classes.index] for part in (classes.palette, classes.markers))
    for marker in MARKERS:
        rows = markers == marker
        if rows.any():
            x, y = points[rows].T
            axes.scatter(x, y, s=area, c=colours[rows].tolist(), marker=marker, lw=0.2, edgecolors="black")
    axes.scatter(plane.centres[:, 0], plane.centres[:, 1], s=50, c="black", marker="x", linewidths=1.3)
    axes.margins(0.08)
    axes.tick_params(labelsize=6, length=2)
    if plane.explained is None:
        axes.set_xticks([])
        axes.set_yticks([])
    else:
        axes.set_xlabel(f"component 1 ({plane.explained[0]:.0%} of variance)", fontsize=7)
        axes.set_ylabel(f"component 2 ({plane.explained[1]:.0%} of variance)", fontsize=7)
    return coincided
