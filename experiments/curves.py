"""Which lines a curve has: the numbers at the end of names say where on the x axis a result lies."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from episodic.errors import InputError

#: `raw states, threshold 0.9`, `20 %`: what stands before the number, the number, a per cent sign.
NAME = re.compile(r"(?P<before>(?:.*\s)?)(?P<number>[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?P<unit>(?:\s*%)?)")


class Point(NamedTuple):
    """Where on the x axis the result of a condition under an evaluation lies."""

    x: float
    condition: str
    evaluation: str


class Panel(NamedTuple):
    """The lines of one diagram by name, sorted by x, and conditions without a number, which are levels."""

    title: str
    lines: dict[str, list[Point]]
    levels: list[Point]

    @property
    def names(self) -> list[str]:
        """What the legend has, lines first."""
        return [*self.lines, *(point.condition for point in self.levels)]


class _Numbered(NamedTuple):
    before: str
    number: float
    unit: str


def curve_panels(conditions: Sequence[str], evaluations: Sequence[str]) -> tuple[str, list[Panel]]:
    """The x axis' label and the panels.

    Where several conditions differ in the number at their end alone, they are a line over it, in a panel for each
    evaluation; otherwise the evaluations' numbers are the x axis, and every condition is a line.

    Raises:
        InputError: neither has such numbers.
    """
    groups = _groups(conditions)
    if groups:
        found = [_over_conditions(groups, conditions, evaluation) for evaluation in evaluations]
        units = {place.unit for name in conditions if (place := _numbered(name)) and place.before in groups}
        return _with_unit(_label(list(groups)), units), found
    numbered = {name: _numbered(name) for name in evaluations}
    axes = {(place.before, place.unit) for place in numbered.values() if place is not None}
    if len(numbered) < 2 or None in numbered.values() or len(axes) > 1:
        raise InputError(
            "report: figure is 'curve': conditions (such as 'threshold 0.9') or all evaluations (such as '20 %') "
            f"have to differ in the number at their end alone; conditions are {_told(conditions)}, "
            f"evaluations {_told(evaluations)}"
        )
    points = {
        name: sorted(Point(place.number, name, test) for test, place in numbered.items() if place is not None)
        for name in conditions
    }
    before, unit = axes.pop()
    return _with_unit(before or "evaluation", {unit}), [Panel("", points, [])]


def _numbered(name: str) -> _Numbered | None:
    found = NAME.fullmatch(name)
    if found is None:
        return None
    return _Numbered(found["before"].strip(), float(found["number"]), found["unit"].strip())


def _groups(conditions: Sequence[str]) -> dict[str, list[tuple[float, str]]]:
    """(number, condition) by what stands before the number; one of a kind is no group."""
    groups: dict[str, list[tuple[float, str]]] = {}
    for name in conditions:
        if (place := _numbered(name)) is not None:
            groups.setdefault(place.before, []).append((place.number, name))
    return {before: sorted(found) for before, found in groups.items() if len(found) > 1}


def _over_conditions(groups: dict[str, list[tuple[float, str]]], conditions: Sequence[str], evaluation: str) -> Panel:
    names = _line_names(list(groups))
    lines = {names[before]: [Point(x, name, evaluation) for x, name in found] for before, found in groups.items()}
    drawn = {name for found in groups.values() for _, name in found}
    return Panel(evaluation, lines, [Point(0.0, name, evaluation) for name in conditions if name not in drawn])


def _label(groups: Sequence[str]) -> str:
    """`threshold` of `raw states, threshold` and `encoded states, threshold`."""
    ends = {before.rpartition(",")[2].strip() for before in groups}
    return (ends.pop() if len(ends) == 1 else "") or "number in the name"


def _with_unit(label: str, units: set[str]) -> str:
    """`noise (%)`, where all numbers have the same unit."""
    unit = next(iter(units)) if len(units) == 1 else ""
    return f"{label} ({unit})" if unit else label


def _line_names(groups: Sequence[str]) -> dict[str, str]:
    """`raw states` for `raw states, threshold`, where all end alike."""
    shared = _label(groups)
    short = {before: before.removesuffix(shared).rstrip(", ") or before for before in groups}
    return short if len(set(short.values())) == len(groups) else {before: before for before in groups}


def _told(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
