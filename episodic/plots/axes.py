"""What several pictures do to their axes."""

from collections.abc import Sequence

from matplotlib.axes import Axes


def say(axes: Axes, note: str) -> None:
    """Write a note where there is no picture."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, note, ha="center", va="center", fontsize=9, color="0.3", transform=axes.transAxes)


def name_cells(axes: Axes, rows: Sequence[object], columns: Sequence[object], most: int = 20) -> None:
    """Name rows and columns of a heat map; evenly thinned out where there are more than `most`."""
    for names, set_ticks in ((columns, axes.set_xticks), (rows, axes.set_yticks)):
        ticks = range(0, len(names), -(-len(names) // most))
        set_ticks(list(ticks), [str(names[tick]) for tick in ticks])
