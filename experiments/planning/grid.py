"""A grid of experiments as its YAML file describes it: configs, seeds, axes and evaluations.

Conditions are the product of the axes' levels. Each condition is trained with each seed, and each trained agent or
encoder is tested under each evaluation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from experiments.planning.grid_file import Addition, Axis, GridFile, Level, Selector
from experiments.planning.yaml_files import Scalar

EVALUATION = "evaluation"


@dataclass(frozen=True)
class Condition:
    """One combination of levels; its name is made of them."""

    name: str
    levels: Mapping[str, Scalar]


@dataclass(frozen=True)
class Grid:
    """A grid's file that has been checked.

    Args:
        name: the file's name, without its ending.
        file: its content.
    """

    name: str
    file: GridFile

    @property
    def conditions(self) -> list[Condition]:
        """All conditions, in the order of the axes."""
        axes = self.file.axes
        levels = [dict(zip(axes, chosen, strict=True)) for chosen in product(*(axis.all for axis in axes.values()))]
        return [Condition(self.condition_name(chosen), chosen) for chosen in levels if self._has(chosen)]

    def _has(self, levels: Mapping[str, Scalar]) -> bool:
        only = not self.file.only or any(matches(selector, levels) for selector in self.file.only)
        return only and not any(matches(selector, levels) for selector in self.file.skip)

    def condition_name(self, levels: Mapping[str, Scalar]) -> str:
        """Return `cue, noise 20 %` for `{"keys": "cue", "noise": 0.2}`."""
        return ", ".join(level_name(name, axis, levels[name]) for name, axis in self.file.axes.items())

    def evaluations_of(self, condition: Condition) -> list[str]:
        """Return the evaluations that a condition is tested under."""
        skip, levels = self.file.skip, condition.levels
        names = self.file.evaluations
        return [name for name in names if not any(matches(where, {**levels, EVALUATION: name}) for where in skip)]

    def baseline_of(self, condition: Condition) -> Condition | None:
        """Return the condition that another is compared with; None if there is none, or it is the same."""
        levels = {**condition.levels, **self.file.baseline}
        if levels == condition.levels or not self._has(levels):
            return None
        return Condition(self.condition_name(levels), levels)

    def level_of(self, condition: Condition) -> list[Level]:
        """Return the levels of a condition and what is added to them, or the exception that replaces them."""
        for exception in self.file.exceptions:
            if matches(exception.where, condition.levels):
                return [exception.use]
        own = [axis.all[condition.levels[name]] for name, axis in self.file.axes.items()]
        return own + [addition.level for addition in self._additions(condition)]

    def seeds_of(self, condition: Condition) -> list[int]:
        """Return the seeds that a condition is trained with."""
        given = [addition.seeds for addition in self._additions(condition) if addition.seeds is not None]
        return given[-1] if given else self.file.seeds

    def _additions(self, condition: Condition) -> list[Addition]:
        return [addition for addition in self.file.additions if matches(addition.where, condition.levels)]


def level_name(name: str, axis: Axis, level: Scalar) -> str:
    """Return `cue` for a named level, `noise 20 %` or `threshold 0.9` for a value."""
    if not axis.values:
        return str(level)
    return f"{name} {100 * float(str(level)):g} %" if axis.percent else f"{name} {level}"


def matches(selector: Selector, levels: Mapping[str, Scalar]) -> bool:
    """Return whether levels are among those that a selector names; an axis that they lack matches nothing."""
    for name, wanted in selector.items():
        if name not in levels or levels[name] not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True
