"""Picture of the keys and values of a memory in two dimensions, coloured by label and by best arm."""

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

from episodic.plots.axes import say
from episodic.plots.memory_contents import UNKNOWN, MemoryContents
from episodic.plots.memory_planes import Plane, distinct_count, pca_plane, rosettes, tsne_plane
from episodic.plots.style import new_figure

PANEL = 2.9  # inches
#: With more classes than that, colours run along a bar instead of standing in a legend.
LISTED = 20


class Classes:
    """The classes of N points, by number, with a colour each: listed colours for few, a scale for many."""

    def __init__(self, title: str, numbers: Tensor, marker: str) -> None:
        self.title, self.marker = title, marker
        names, index = np.unique(numbers.numpy(), return_inverse=True)
        self.names = ["unknown" if name == UNKNOWN else str(name) for name in names]
        scale = colormaps["tab10" if len(names) <= 10 else "tab20" if len(names) <= LISTED else "turbo"]
        steps = range(len(names)) if len(names) <= LISTED else np.linspace(0.03, 0.97, len(names))
        self.palette = [to_hex(scale(step)) for step in steps]
        self.colours = [self.palette[number] for number in index.reshape(-1)]  # N of them

    def explain(self, figure: Figure, panels: Sequence[Axes], place: Literal["upper", "lower"]) -> None:
        """Add a legend outside the panels, or a colour bar beside them."""
        if len(self.names) > LISTED:
            self._bar(figure, panels)
            return
        handles = [_dot(colour, name, self.marker) for colour, name in zip(self.palette, self.names, strict=True)]
        figure.legend(
            handles=handles,
            title=self.title,
            loc="outside right upper" if place == "upper" else "outside right lower",
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


def map_figure(contents: MemoryContents, *, tsne: bool = True) -> Figure:
    """Keys (upper row) and values (lower row): principal components and t-SNE, by label and by best arm."""
    columns = 4 if tsne else 2
    figure = new_figure(PANEL * columns + 1.3, 2 * PANEL + 0.9, 2, columns)
    panels = figure.axes
    classes = [Classes("label", contents.labels, "o"), Classes("best arm", contents.best_arms, "s")]
    spread = False
    for row, (name, vectors) in enumerate((("keys", contents.keys), ("values", contents.values))):
        planes = {"PCA": pca_plane(vectors, contents.centres if name == "keys" else None)}
        if tsne:
            planes["t-SNE"] = tsne_plane(vectors)
        for column, (method, by) in enumerate((method, by) for method in planes for by in classes):
            axes = panels[row * columns + column]
            axes.set_title(f"{name}: {method}, by {by.title}", fontsize=9)
            spread |= draw_plane(axes, planes[method], by)
    classes[1].explain(figure, panels, "lower")  # of two bars the later one stands further left
    classes[0].explain(figure, panels, "upper")
    figure.suptitle(_heading(contents, spread), fontsize=11)
    return figure


def _heading(contents: MemoryContents, spread: bool) -> str:
    notes = [f"distinct keys: {distinct_count(contents.keys)}, distinct values: {distinct_count(contents.values)}"]
    if spread:
        notes.append("points at the same place are spread about it")
    if contents.centres is not None:
        notes.append("x: cluster centres")
    return f"Memories in two dimensions\n{contents.title}\n{'; '.join(notes)}"


def draw_plane(axes: Axes, plane: Plane, classes: Classes) -> bool:
    """Draw the points of a plane; returns whether any of them lay on top of each other."""
    if plane.note is not None:
        say(axes, plane.note)
        return False
    area = float(np.clip(2400 / len(plane.points), 7, 26))
    # Points a diameter apart: the seeds of a sunflower are about 1.8 steps from each other.
    points, spread = rosettes(plane.points, np.sqrt(area) / 1.8 / (72 * PANEL * 0.8))
    axes.scatter(
        points[:, 0], points[:, 1], s=area, c=classes.colours, marker=classes.marker, lw=0.2, edgecolors="black"
    )
    axes.scatter(plane.centres[:, 0], plane.centres[:, 1], s=50, c="black", marker="x", linewidths=1.3)
    axes.margins(0.08)
    axes.tick_params(labelsize=6, length=2)
    if plane.explained is None:
        axes.set_xticks([])
        axes.set_yticks([])
    else:
        axes.set_xlabel(f"component 1 ({plane.explained[0]:.0%} of variance)", fontsize=7)
        axes.set_ylabel(f"component 2 ({plane.explained[1]:.0%} of variance)", fontsize=7)
    return spread


def _dot(colour: str, name: str, marker: str) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, markersize=5, color=colour, label=name)
