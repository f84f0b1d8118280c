"""A report's pictures: bars or curves of interquartile means, with their intervals."""

import math
import textwrap
from collections.abc import Sequence
from itertools import pairwise

from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.comparison import Comparisons
from experiments.curves import Panel, Point, curve_panels
from experiments.formatting import SHARE, format_value, metric_label
from experiments.grid import Grid
from experiments.intervals import Estimate
from experiments.report_section import ReportSection

NAME_LENGTH = 46  # characters of a condition's name on one line
CLOSE = 0.07  # share of the axis; ticks that are nearer would touch
PLAIN, BASELINE = "tab:blue", "tab:orange"


def report_figure(grid: Grid, section: ReportSection, found: Comparisons) -> Figure:
    """The picture that a grid's section asks for."""
    return _curves(grid, section, found) if section.figure == "curve" else _bars(grid, section, found)


def _bars(grid: Grid, section: ReportSection, found: Comparisons) -> Figure:
    """A bar a condition, a panel an evaluation."""
    names = [name for name in grid.tested if any((name, test) in found for test in grid.tests)]
    baselines = {grid.baseline_of(name) for name in grid.tested}
    labels = [textwrap.fill(name, NAME_LENGTH) for name in names]
    height = 0.29 if any("\n" in label for label in labels) else 0.24
    figure = Figure((3.2 + 2.6 * len(grid.tests), 1.3 + height * len(names)), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(grid.tests), sharex=True, sharey=True, squeeze=False)[0]
    for axes, evaluation in zip(panels, grid.tests, strict=True):
        for place, name in enumerate(names):
            if (name, evaluation) in found:
                _bar(axes, place, section, found[name, evaluation].score, name in baselines)
        _levels(axes, section, evaluation, vertical=True)
        axes.set_title(evaluation if len(panels) > 1 else "", fontsize=9)
        axes.set_xlabel(metric_label(section.metric), fontsize=8)
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="y", length=0)
        _in_percent(axes, section, vertical=True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(names)), labels)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    scores = [comparison.score for comparison in found.values()]
    levels = [level for name in grid.tests for level in section.scale(name) or ()]
    left, right = min([0.0, *map(_bottom, scores), *levels]), max([0.0, *map(_top, scores), *levels])
    panels[0].set_xlim(1.02 * left, 1.02 * right or None)
    _legend(figure)
    return figure


def _bar(axes: Axes, place: int, section: ReportSection, score: Estimate, baseline: bool) -> None:
    color, label = (BASELINE, "baseline") if baseline else (PLAIN, "")
    axes.barh(place, score.value, 0.7, color=color, alpha=0.75, label=label)
    if not math.isnan(score.low):
        axes.hlines(place, score.low, score.high, color="0.1", lw=1.2)
    told = format_value(section.metric, score.value)
    beside = axes.get_yaxis_transform()  # in a column of its own, where no line crosses it
    axes.text(1.02, place, told, va="center", fontsize=7, transform=beside)


def _curves(grid: Grid, section: ReportSection, found: Comparisons) -> Figure:
    """Lines with bands, and levels where a condition has no number."""
    label, panels = curve_panels(grid.tested, grid.tests)
    names = list(dict.fromkeys(name for panel in panels for name in panel.names))
    colors = _colors(panels)
    columns = 1 if max(map(len, names)) > NAME_LENGTH or len(names) < 3 else 2
    rows = math.ceil((len(names) + 2) / columns)
    figure = Figure((1.5 + 4.2 * len(panels), 3.8 + 0.19 * rows), layout="constrained")
    drawn: Sequence[Axes] = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    places = tick_places([point.x for panel in panels for points in panel.lines.values() for point in points])
    is_to_scale = all(number == place for number, place in places.items())
    for axes, panel in zip(drawn, panels, strict=True):
        _lines(axes, panel, found, colors, places)
        _levels(axes, section, panel.title, vertical=False)
        axes.set_title(panel.title if len(panels) > 1 else "", fontsize=9)
        axes.set_xlabel(label if is_to_scale else f"{label} (not to scale)", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    drawn[0].set_ylabel(metric_label(section.metric), fontsize=8)
    _in_percent(drawn[0], section, vertical=False)
    _legend(figure, columns)
    return figure


def tick_places(numbers: Sequence[float]) -> dict[float, float]:
    """Where on the axis each number is drawn: where it belongs, or evenly spaced where labels would touch.

    Thresholds of 0.9, 0.99 and 0.999 are the case in point.
    """
    distinct = sorted(set(numbers))
    gaps = [after - before for before, after in pairwise(distinct)]
    if gaps and min(gaps) < CLOSE * (distinct[-1] - distinct[0]):
        return {number: float(place) for place, number in enumerate(distinct)}
    return {number: number for number in distinct}


def _lines(
    axes: Axes, panel: Panel, found: Comparisons, colors: dict[str, tuple[float, ...]], places: dict[float, float]
) -> None:
    for name, points in panel.lines.items():
        there = [point for point in points if (point.condition, point.evaluation) in found]
        x, scores = [places[point.x] for point in there], [_score(point, found) for point in there]
        axes.plot(x, [score.value for score in scores], "o-", markersize=3, lw=1.4, color=colors[name], label=name)
        axes.fill_between(x, *_bounds(scores), color=colors[name], alpha=0.2, lw=0)
    for point in panel.levels:
        if (point.condition, point.evaluation) in found:
            score, color = _score(point, found), colors[point.condition]
            axes.axhline(score.value, ls="-.", lw=1.2, color=color, label=point.condition)
            if not math.isnan(score.low):
                axes.axhspan(score.low, score.high, color=color, alpha=0.15, lw=0)
    axes.set_xticks(list(places.values()), [f"{number:g}" for number in places])


def _score(point: Point, found: Comparisons) -> Estimate:
    return found[point.condition, point.evaluation].score


def _bounds(scores: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    """Lower and upper ends of the band; of no width where a score has no interval."""
    return [_bottom(score) for score in scores], [_top(score) for score in scores]


def _bottom(score: Estimate) -> float:
    return score.value if math.isnan(score.low) else score.low


def _top(score: Estimate) -> float:
    return score.value if math.isnan(score.high) else score.high


def _levels(axes: Axes, section: ReportSection, evaluation: str, vertical: bool) -> None:
    """Chance and the ideal player, where they are known."""
    line = axes.axvline if vertical else axes.axhline
    scale = section.scale(evaluation) or ()
    for name, level, style in zip(("chance", "ideal player"), scale, (":", "--"), strict=False):
        line(level, color="0.4", ls=style, lw=1, label=f"{name} ({format_value(section.metric, level)})", zorder=0)


def _in_percent(axes: Axes, section: ReportSection, vertical: bool) -> None:
    """Shares in per cent, as in the table."""
    if SHARE.search(section.metric):
        (axes.xaxis if vertical else axes.yaxis).set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def _legend(figure: Figure, columns: int = 3) -> None:
    """One for all panels, below them; what several have stands there once."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        found = list(handles.values())
        figure.legend(found, list(handles), loc="outside lower center", ncols=columns, fontsize=7, frameon=False)


def _colors(panels: Sequence[Panel]) -> dict[str, tuple[float, ...]]:
    """By name; a level has the colour of its line, as `raw states, no threshold` has that of `raw states`."""
    lines = {name for panel in panels for name in panel.lines}
    names = dict.fromkeys(name for panel in panels for name in panel.names)
    kinds = {name: name.partition(",")[0] if name.partition(",")[0] in lines else name for name in names}
    distinct = list(dict.fromkeys(kinds.values()))
    palette = colormaps["tab10" if len(distinct) <= 10 else "tab20"]
    colors = {kind: palette(index % palette.N) for index, kind in enumerate(distinct)}
    return {name: colors[kind] for name, kind in kinds.items()}
