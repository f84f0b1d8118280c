from typing import Any

import pytest
from matplotlib.figure import Figure

from experiments.comparison import compare
from experiments.report_figure import report_figure, tick_places
from experiments.results import Row
from tests.experiments.reports import reported, rows

LONG = "a condition whose name is so long that it would leave no room for anything else"


def drawn(found: list[Row], report: dict[str, Any], **changes: Any) -> Figure:
    grid, section = reported(report, **changes)
    figure = report_figure(grid, section, compare(grid, section.metric, found))
    figure.draw_without_rendering()
    return figure


def told(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_bars_are_as_long_as_the_interquartile_means() -> None:
    figure = drawn(rows(), {"chance": 1.8, "ideal": 9})
    first, second = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["0 %", "20 %"]
    assert [bar.get_width() for bar in first.patches] == [7.0, 7.0, 7.5]  # type: ignore[attr-defined]
    assert [text.get_text() for text in second.texts] == ["5.25", "5.38", "5.25"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["append", "mean keys", "stack"]
    assert first.get_xlim()[1] > 9
    assert told(figure) == ["chance (1.80)", "ideal player (9.00)", "baseline"]


@pytest.mark.parametrize(
    "rewards",
    [{("append", "0 %"): (0.0, 0.0)}, {("append", "0 %"): (-3.0, -1.0), ("stack", "0 %"): (1.0,)}],
    ids=["nothing", "below"],
)
def test_bars_fit_whatever_their_sign(rewards: dict[tuple[str, str], tuple[float, ...]]) -> None:
    axes = drawn(rows(rewards), {}).axes[0]
    left, right = axes.get_xlim()
    assert left <= min(map(min, rewards.values())) <= max(map(max, rewards.values())) <= right
    assert left < right


def test_long_names_are_wrapped_and_touch_nothing() -> None:
    conditions: dict[str, Any] = {LONG: {}, f"{LONG} 2": {}}
    found = rows({(name, "0 %"): (6.0, 7.0) for name in conditions})
    figure = drawn(found, {}, conditions=conditions, baseline=LONG, evaluations={"0 %": {}})
    axes = figure.axes[0]
    upper, lower = (label.get_window_extent() for label in axes.get_yticklabels())
    assert "\n" in axes.get_yticklabels()[0].get_text()
    assert upper.y0 >= lower.y1
    assert min(upper.x0, lower.x0) >= 0


def test_a_curve_over_the_evaluations_has_a_line_a_condition() -> None:
    figure = drawn(rows(), {"figure": "curve", "chance": 1.8, "ideal": 9})
    (axes,) = figure.axes
    assert axes.get_xlabel() == "evaluation (%)"
    lines = {str(line.get_label()): line.get_xydata().tolist() for line in axes.lines}  # type: ignore[union-attr]
    assert lines["mean keys"] == [[0.0, 7.0], [20.0, 5.375]]
    assert told(figure) == ["append", "mean keys", "stack", "chance (1.80)", "ideal player (9.00)"]
    assert len(axes.collections) == 3


def test_a_curve_over_conditions_has_levels_and_a_panel_an_evaluation() -> None:
    names = ["states, threshold 0.9", "states, threshold 0.99", "states, threshold 0.5", "append"]
    found = rows({(name, "0 %"): (6.0, 7.0) for name in names} | {("append", "20 %"): (5.0,)})
    figure = drawn(found, {"figure": "curve"}, conditions={name: {} for name in names})
    first, second = figure.axes
    assert (first.get_xlabel(), second.get_title()) == ("threshold", "20 %")
    assert first.lines[0].get_xdata() == pytest.approx([0.5, 0.9, 0.99])
    assert told(figure) == ["states", "append"]


def test_every_panel_has_its_own_ideal_player() -> None:
    figure = drawn(rows(), {"chance": 1, "ideal": {"0 %": 9, "20 %": 11}})
    ideals = [[line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] for axes in figure.axes]  # type: ignore[index]
    assert ideals == [[9], [11]]


def test_a_level_has_the_colour_of_its_line() -> None:
    names = ["states, threshold 0.9", "states, threshold 0.5", "append", "states, no threshold"]
    found = rows({(name, "0 %"): (6.0, 7.0) for name in names})
    figure = drawn(found, {"figure": "curve"}, conditions={name: {} for name in names}, evaluations={"0 %": {}})
    line, *levels = figure.axes[0].lines
    colors = {str(level.get_label()): level.get_color() == line.get_color() for level in levels}
    assert colors == {"states, no threshold": True, "append": False}


def test_numbers_that_are_too_near_are_evenly_spaced() -> None:
    assert tick_places([0.9, 0.99, 0.999, 0.5, 0.9]) == {0.5: 0.0, 0.9: 1.0, 0.99: 2.0, 0.999: 3.0}
    assert tick_places([40.0, 0.0, 20.0]) == {0.0: 0.0, 20.0: 20.0, 40.0: 40.0}
    assert tick_places([3.0]) == {3.0: 3.0}
