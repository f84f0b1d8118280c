"""A grid of experiments as its YAML file describes it: conditions x seeds to train, evaluations to test under."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from episodic.errors import InputError, require, require_choice
from experiments.baselines import baseline_of, check_baseline
from experiments.conditions import Condition, parse_conditions
from experiments.overrides import Arguments, named_overrides, override_arguments
from experiments.references import check_references
from experiments.report_section import ReportSection, parse_report
from experiments.unique_keys import read_yaml_file

KEYS = (
    "config",
    "seeds",
    "overrides",
    "evaluations",
    "baseline",
    "conditions",
    "metrics",
    "curves",
    "regret_by_pull",
    "report",
)


@dataclass(frozen=True)
class Grid:
    """Every condition is trained with every seed, every trained agent tested under every evaluation.

    Args:
        name: the file's name, without its ending.
        seeds: one training of each condition for each.
        arguments: what every training overrides.
        evaluations: by name, what a test under it overrides, for conditions that have no evaluations of their own.
        conditions: by name, in the file's order.
        metrics: the figures of the table; differences are taken of the first.
        baseline: the condition that the others are compared with; a star in it stands for what follows the comma in
            each one's name, see `experiments.baselines`.
        report: what the report says of it; None: it is not in there.
        curves: what of the trainings is kept step by step, in a CSV of its own; nothing: there is none.
        regret_by_pull: whether the regret of its tests is kept by exposure and pull, in a CSV of its own.
    """

    name: str
    seeds: tuple[int, ...]
    arguments: Arguments
    evaluations: Mapping[str, Arguments]
    conditions: Mapping[str, Condition]
    metrics: tuple[str, ...]
    baseline: str | None = None
    report: ReportSection | None = None
    curves: tuple[str, ...] = ()
    regret_by_pull: bool = False

    @property
    def tested(self) -> tuple[str, ...]:
        """The conditions that have results; the others are only there to be referred to."""
        return tuple(name for name, condition in self.conditions.items() if condition.evaluations)

    def baseline_of(self, condition: str) -> str | None:
        """The condition that this one is compared with; None where there is none, or it is that itself."""
        return baseline_of(condition, self.baseline, self.tested)

    @property
    def tests(self) -> tuple[str, ...]:
        """The names of all evaluations, those of single conditions after the grid's."""
        own = [name for condition in self.conditions.values() for name in condition.evaluations]
        used = dict.fromkeys(own)
        return tuple(dict.fromkeys([*(name for name in self.evaluations if name in used), *own]))


def read_grid(path: Path) -> Grid:
    """The grid that a file describes; its configs are named relative to the working directory.

    Raises:
        InputError: in one line, whatever is wrong with the file.
    """
    require(path.is_file(), f"grid {path} does not exist: it must be a YAML file")
    try:
        return parse_grid(read_yaml_file(path), path.stem)
    except InputError as error:
        raise InputError(f"grid {path}: {error}") from error


def parse_grid(said: Any, name: str) -> Grid:
    """The grid that a file's content describes.

    Raises:
        InputError: a key that is unknown, missing or of the wrong kind; a baseline, `trained_as` or reference that is
            no condition; a config that does not exist; conditions that need each other's results.
    """
    require(isinstance(said, dict), f"it holds {said!r}: it must be a mapping with {', '.join(KEYS)}")
    for key in said:
        require_choice("key", str(key), KEYS)
    evaluations = named_overrides(said.get("evaluations", {"test": {}}), "evaluations")
    conditions = parse_conditions(said.get("conditions"), said.get("config"), evaluations)
    arguments = override_arguments(said.get("overrides"), "overrides")
    check_references(conditions, arguments)
    grid = Grid(
        name=name,
        seeds=parse_seeds(said.get("seeds")),
        arguments=arguments,
        evaluations=evaluations,
        conditions=conditions,
        metrics=_names(said.get("metrics"), "metrics", "test/reward"),
        curves=_names(said["curves"], "curves", "val/reward") if "curves" in said else (),
        regret_by_pull=_whether(said.get("regret_by_pull", False), "regret_by_pull"),
    )
    require(bool(grid.tested), "conditions: none has evaluations, so that there would be no results")
    if said.get("baseline") is not None:
        grid = replace(grid, baseline=check_baseline(said["baseline"], grid.tested))
    if "report" not in said:
        return grid
    return replace(grid, report=parse_report(said["report"], grid.metrics, grid.tested, grid.tests))


def parse_seeds(seeds: Any) -> tuple[int, ...]:
    """A list of different whole numbers.

    Raises:
        InputError: it is something else.
    """
    whole = isinstance(seeds, list) and bool(seeds) and all(type(seed) is int and seed >= 0 for seed in seeds)
    require(whole, f"seeds is {seeds!r}: it must be a list of whole numbers, 0 or more")
    require(len(set(seeds)) == len(seeds), f"seeds is {seeds!r}: each may stand there once")
    return tuple(seeds)


def _names(names: Any, key: str, example: str) -> tuple[str, ...]:
    named = isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)
    require(named, f"{key} is {names!r}: it must be a list of names such as {example}")
    return tuple(dict.fromkeys(names))


def _whether(answer: Any, key: str) -> bool:
    require(type(answer) is bool, f"{key} is {answer!r}: it must be true or false")
    return bool(answer)
