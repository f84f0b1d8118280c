"""The common style of all plots: colours that colour-blind readers can distinguish, and small helpers.

The colours are those of Okabe and Ito 2008, "Color Universal Design". Lines also differ in their dashes, and classes in
their markers, so no plot relies on hue only.
"""

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

#: Colours of lines and bars, in this order.
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
#: Dashes of lines, in this order.
DASHES = ("-", "--", "-.", ":")
#: Markers of points, in this order.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
RIGHT, WRONG, PLAIN = BLUE, VERMILLION, "0.8"

#: Rows or columns of a heat map that are all named.
TICKS = 20
#: Characters of all names along the columns of a heat map that do not run into each other.
CHARACTERS = 40


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> Figure:
    """Make an empty figure with a grid of axes, without a screen.

    Args:
        width: in inches.
        height: in inches.
        rows: of axes.
        columns: of axes.

    >>> len(new_figure(6, 4, rows=2, columns=3).axes)
    6
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.subplots(rows, columns)
    for axes in figure.axes:
        axes.set_prop_cycle(color=list(CYCLE))
    return figure


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Label both axes, and give the axes a title."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=10)


def note(axes: Axes, text: str) -> None:
    """Write a note in place of a plot that cannot be drawn."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=9, color="0.3", transform=axes.transAxes)


def name_cells(axes: Axes, rows: Sequence[object], columns: Sequence[object], most: int = TICKS) -> None:
    """Name the rows and columns of a heat map; name evenly spaced ones if there are more than `most`.

    Fewer columns are named where their names are long.
    """
    longest = max((len(str(name)) for name in columns), default=1)
    for names, set_ticks, count in (
        (columns, axes.set_xticks, max(1, min(most, CHARACTERS // longest))),
        (rows, axes.set_yticks, most),
    ):
        ticks = range(0, len(names), -(-len(names) // count))
        set_ticks(list(ticks), [str(names[tick]) for tick in ticks])


def shades(count: int) -> list[str]:
    """Return `count` colours from dark to light, for lines that have an order.

    >>> shades(2)
    ['#440154', '#7ad151']
    """
    scale = colormaps["viridis"]
    return [to_hex(scale(0.8 * position / max(count - 1, 1))) for position in range(count)]
