"""What a grid's file says of itself in the report: the question that it asks, and what came out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from episodic.errors import require, require_choice
from experiments.curves import curve_panels

KEYS = ("question", "short", "answer", "chance", "ideal", "metric", "also", "figure", "order")
FIGURES = ("bars", "curve")


@dataclass(frozen=True)
class ReportSection:
    """A grid's section of the report.

    Args:
        question: one sentence, the section's heading.
        answer: a paragraph of Markdown.
        metric: the figure that is drawn and compared.
        chance: its value for a player that chooses at random, in the metric's unit, or that of each evaluation, where
            they differ; None: it is not normalised.
        ideal: its value for the ideal player, likewise.
        figure: `bars`, a bar a condition; `curve`, lines over the number in the names of conditions or evaluations.
        also: further figures that the tables have, without comparison.
        short: the answer in a sentence, for the list at the report's head.
        order: sections are sorted by it; those without one come last, by their grids' names.
    """

    question: str
    answer: str
    metric: str
    chance: float | Mapping[str, float] | None = None
    ideal: float | Mapping[str, float] | None = None
    figure: str = "bars"
    order: float | None = None
    also: tuple[str, ...] = ()
    short: str = ""

    def scale(self, evaluation: str) -> tuple[float, float] | None:
        """Chance and the ideal player under an evaluation; None where they are not known."""
        chance, ideal = (
            level.get(evaluation) if isinstance(level, Mapping) else level for level in (self.chance, self.ideal)
        )
        return None if chance is None or ideal is None else (chance, ideal)


def parse_report(
    said: Any, metrics: Sequence[str], conditions: Sequence[str], evaluations: Sequence[str]
) -> ReportSection:
    """The section that a grid with these metrics, tested conditions and evaluations describes.

    Raises:
        InputError: a key that is unknown, missing or of the wrong kind; a curve without numbers to draw it over.
    """
    require(isinstance(said, dict), f"report is {said!r}: it must be a mapping with question and answer")
    for key in said:
        require_choice("report: key", str(key), KEYS)
    question, answer = (_text(said, key) for key in ("question", "answer"))
    short = _text(said, "short") if said.get("short") is not None else ""
    for key, text in (("question", question), ("short", short)):
        require("\n" not in text, f"report: {key} is {text!r}: it must be one sentence on one line")
    metric = said.get("metric", metrics[0])
    named = isinstance(metric, str) and bool(metric)
    require(named, f"report: metric is {metric!r}: it must be a name such as test/reward")
    chance, ideal = (_level(said, key, evaluations) for key in ("chance", "ideal"))
    for key, value, other in (("chance", chance, "ideal"), ("ideal", ideal, "chance")):
        require(value is not None or said.get(other) is None, f"report: {key} is None: with {other} it must be there")
    order = _number("order", said.get("order"))
    figure = said.get("figure", "bars")
    require_choice("report: figure", str(figure), FIGURES)
    if figure == "curve":
        curve_panels(conditions, evaluations)
    section = ReportSection(question, answer, metric, chance, ideal, figure, order, _also(said, metrics), short)
    for evaluation in evaluations:
        scale = section.scale(evaluation)
        require(scale is None or scale[0] != scale[1], f"report: ideal is {ideal}: it has to differ from chance")
    return section


def _also(said: dict[str, Any], metrics: Sequence[str]) -> tuple[str, ...]:
    also = said.get("also", [])
    require(isinstance(also, list), f"report: also is {also!r}: it must be a list of the grid's metrics")
    for name in also:
        require_choice("report: also", str(name), tuple(metrics))
    return tuple(also)


def _text(said: dict[str, Any], key: str) -> str:
    text = said.get(key)
    given = isinstance(text, str) and bool(text.strip())
    require(given, f"report: {key} is {text!r}: it must be text")
    return str(text).strip()


def _level(said: dict[str, Any], key: str, evaluations: Sequence[str]) -> float | dict[str, float] | None:
    """A number, or one for each evaluation."""
    value = said.get(key)
    if not isinstance(value, dict):
        return _number(key, value)
    for name in evaluations:
        require(name in value, f"report: {key} is {value!r}: it has to have a number for {name!r} too")
    for name in value:
        require_choice(f"report: {key}: evaluation", str(name), tuple(evaluations))
        require(value[name] is not None, f"report: {key}: {name} is None: it must be a number")
    return {name: _number(f"{key}: {name}", number) or 0.0 for name, number in value.items()}


def _number(key: str, value: Any) -> float | None:
    finite = value is None or (type(value) in (int, float) and math.isfinite(value))
    require(finite, f"report: {key} is {value!r}: it must be a number")
    return None if value is None else value
