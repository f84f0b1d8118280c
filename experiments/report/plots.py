"""Plots of a grid's results: interquartile means over seeds with their intervals, as lines or as rows of points."""

import textwrap
from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from episodic.plots.style import CYCLE, DASHES, MARKERS, new_figure
from experiments.planning.grid import EVALUATION, Condition, Grid, level_name
from experiments.planning.grid_file import Plot, Report
from experiments.tables.formatting import SHARE, metric_label
from experiments.tables.statistics import interquartile_mean

VALUE, X, HUE, PANEL, ROW = "value", "x", "hue", "panel", "row"
NAME_LENGTH = 44  # characters of a row's name on one line
SAME = 0.004  # share of the axis within which two lines hide each other
GREY = "0.45"


def report_plot(grid: Grid, report: Report, frame: pd.DataFrame) -> Figure:
    """Return the plot that a grid's report asks for.

    Args:
        grid: the grid.
        report: its section of the report.
        frame: its results, of at least one condition.
    """
    data = _tidy(grid, report, frame)
    panels, hues, rows = (list(dict.fromkeys(data[name])) for name in (PANEL, HUE, ROW))
    lines = bool(report.plot.x)
    figure = _new_figure(panels, hues, rows, lines)
    axes = figure.axes
    notes: list[str] = []
    for panel, ax in zip(panels, axes, strict=True):
        part = data[data[PANEL] == panel]
        _draw(ax, part, hues, rows, report.plot)
        if lines:
            notes += [f"{panel}: {note}" if len(panels) > 1 else note for note in _hidden(part, hues)]
        ax.set_title(textwrap.fill(panel, 40) if len(panels) > 1 else "", fontsize=9)
    _label(figure, grid, report, panels, lines)
    ideals = {
        level
        for panel, ax in zip(panels, axes, strict=True)
        for level in _draw_levels(ax, report, data[data[PANEL] == panel], rows, lines)
    }
    if not lines:
        axes[0].set_ylim(len(rows) - 0.5, -0.5)
    missing = not lines and len(data.groupby([PANEL, ROW])) < len(panels) * len(rows)
    _legend(figure, hues, missing, ideals)
    title = textwrap.fill(report.question, int(12.5 * figure.get_figwidth()))
    figure.suptitle(title, fontsize=10)
    if notes:
        figure.supxlabel(textwrap.fill("; ".join(notes), int(20 * figure.get_figwidth())), fontsize=7, color=GREY)
    return figure


def _tidy(grid: Grid, report: Report, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row a result: its value, and the texts of panel, hue and row that it is drawn in."""
    plot, metric = report.plot, report.metric or grid.file.metrics[0]
    several = [EVALUATION] * (len(grid.file.evaluations) > 1)
    rest = [axis for axis in [*grid.file.axes, *several] if axis not in (plot.x, plot.hue, plot.panel)]
    records = []
    order = [(condition, test) for condition in grid.conditions for test in grid.evaluations_of(condition)]
    if plot.panel:
        order.sort(key=lambda place: _position(grid, plot.panel, *place))
    for condition, test in order:
        own = frame[(frame["condition"].astype(str) == condition.name) & (frame[EVALUATION].astype(str) == test)]
        row = ", ".join(_text(grid, axis, condition, test) for axis in rest)
        if plot.hue and not rest:
            row = _text(grid, plot.hue, condition, test)
        place = {
            X: condition.levels.get(plot.x),
            HUE: _text(grid, plot.hue, condition, test) if plot.hue else "",
            PANEL: _text(grid, plot.panel, condition, test) if plot.panel else "",
            ROW: textwrap.fill(row, NAME_LENGTH),
            EVALUATION: test,
        }
        records += [{**place, VALUE: value} for value in own[metric].dropna()]
    data = pd.DataFrame(records, columns=[X, HUE, PANEL, ROW, EVALUATION, VALUE])
    return data.assign(**{X: pd.to_numeric(data[X]) * (100 if plot.x and grid.file.axes[plot.x].percent else 1)})


def _position(grid: Grid, axis: str, condition: Condition, test: str) -> int:
    levels: list[Any] = list(grid.file.evaluations if axis == EVALUATION else grid.file.axes[axis].all)
    return levels.index(test if axis == EVALUATION else condition.levels[axis])


def _text(grid: Grid, axis: str, condition: Condition, test: str) -> str:
    return test if axis == EVALUATION else level_name(axis, grid.file.axes[axis], condition.levels[axis])


def _new_figure(panels: Sequence[str], hues: Sequence[str], rows: Sequence[str], lines: bool) -> Figure:
    count = len(panels)
    if lines:
        return _sharing(new_figure(1.2 + 4.2 * count, 4.2 + 0.12 * len(hues), columns=count))
    deep = max(0.26 if len(hues) < 2 else 0.17 * min(len(hues), 4), 0.26)
    height = 1.6 + sum(deep + 0.13 * row.count("\n") for row in rows) + 0.14 * len(hues)
    return _sharing(new_figure(2.8 + max(2.2, 5 - count) * count, height, columns=count))


def _sharing(figure: Figure) -> Figure:
    for axes in figure.axes[1:]:
        axes.sharex(figure.axes[0])
        axes.sharey(figure.axes[0])
        axes.tick_params(axis="y", labelleft=False)
    return figure


def interval(values: Any) -> tuple[float, float]:
    """Return the bounds of the interquartile mean's interval, in seaborn's format."""
    return interquartile_mean(list(values)).bounds


def iqm(values: Any) -> float:
    """Return the interquartile mean."""
    return interquartile_mean(list(values)).value


def _draw(axes: Axes, data: pd.DataFrame, hues: Sequence[str], rows: Sequence[str], plot: Plot) -> None:
    """Draw lines over x, or rows of points; neighbours are shifted, so that none hides another."""
    count = len(hues)
    if plot.x:
        shape = {"x": X, "y": VALUE, "native_scale": not plot.even, "dodge": 0.08 * (count - 1) or False}
        shape |= {"linestyles": [DASHES[place % len(DASHES)] for place in range(count)], "linewidth": 1.3}
    else:
        shape = {"x": VALUE, "y": ROW, "order": rows, "linestyle": "none", "dodge": 0.16 * (count - 1) or False}
    code = {"palette": list(CYCLE[:count]), "markers": list(MARKERS[:count]), "markersize": 4, "capsize": 0.12}
    sns.pointplot(
        data,
        hue=HUE,
        hue_order=hues,
        estimator=iqm,
        errorbar=interval,
        err_kws={"linewidth": 1.1},
        ax=axes,
        **shape,
        **code,
    )
    if axes.legend_ is not None:
        axes.legend_.remove()
    if plot.x:
        return
    for place, row in enumerate(rows):
        if row not in set(data[ROW]):
            axes.axhspan(place - 0.42, place + 0.42, facecolor="none", edgecolor="0.75", hatch="////", lw=0)
        if place % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="0.96", zorder=0, lw=0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.88", lw=0.6)
    axes.set_axisbelow(True)


def _label(figure: Figure, grid: Grid, report: Report, panels: Sequence[str], lines: bool) -> None:
    metric = report.metric or grid.file.metrics[0]
    label = f"interquartile mean {metric_label(metric)}" + " per episode" * metric.endswith("reward")
    for place, axes in enumerate(figure.axes):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel(label if not lines else _axis_label(grid, report.plot.x), fontsize=8)
        axes.set_ylabel(label if lines and not place else "", fontsize=8)
        axis = axes.yaxis if lines else axes.xaxis
        if SHARE.search(metric):
            axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    if not lines and len(panels) > 1:
        for axes in figure.axes[:-1]:
            axes.set_xlabel("")
        figure.axes[-1].set_xlabel(label, fontsize=8, loc="right")


def _axis_label(grid: Grid, name: str) -> str:
    axis = grid.file.axes[name]
    return f"{axis.label or name}{' (%)' if axis.percent else ''}{', evenly spaced' if _is_even(grid) else ''}"


def _is_even(grid: Grid) -> bool:
    return grid.file.report is not None and grid.file.report.plot.even


def _draw_levels(axes: Axes, report: Report, data: pd.DataFrame, rows: Sequence[str], lines: bool) -> list[float]:
    """Draw the ideal player, and chance, where they lie near the axis; returns the ideal's levels that are drawn."""
    limits = sorted(axes.get_ylim() if lines else axes.get_xlim())
    drawn = []
    for row, evaluation in data.groupby(ROW)[EVALUATION].first().items():
        for level, dashes in zip(report.scale(str(evaluation)) or (), (":", "--"), strict=False):
            if not limits[0] <= level <= limits[1] + 0.2 * (limits[1] - limits[0]):
                continue
            if lines:
                axes.axhline(level, color=GREY, ls=dashes, lw=1, zorder=0)
            else:
                place = rows.index(str(row))
                axes.vlines(level, place - 0.5, place + 0.5, color=GREY, ls=dashes, lw=1, zorder=0)
            drawn += [level] * (dashes == "--")
    return drawn


def _legend(figure: Figure, hues: Sequence[str], missing: bool, ideals: Collection[float]) -> None:
    """One legend for all panels."""
    handles, labels = figure.axes[0].get_legend_handles_labels() if len(hues) > 1 else ([], [])
    if missing:
        handles.append(Patch(facecolor="none", edgecolor="0.75", hatch="////"))
        labels.append("not run")
    if ideals:
        handles.append(Line2D([], [], color=GREY, ls="--", lw=1))
        labels.append(f"ideal player ({' or '.join(f'{level:.2f}' for level in sorted(ideals))})")
    if handles:
        columns = 2 if max(map(len, labels)) > 30 else 3
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)


def _hidden(data: pd.DataFrame, hues: Sequence[str]) -> list[str]:
    """Return the lines that coincide."""
    means = {hue: data[data[HUE] == hue].groupby(X)[VALUE].agg(iqm) for hue in hues}
    span = float(data[VALUE].max() - data[VALUE].min()) or 1.0
    notes = []
    for one, other in combinations(hues, 2):
        both = means[one].index.intersection(means[other].index)
        same = [x for x in both if abs(means[one][x] - means[other][x]) < SAME * span]
        if same and len(same) == len(both):
            notes.append(f"“{one}” and “{other}” lie on each other")
    return notes
