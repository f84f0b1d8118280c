"""Reads a grid's file, and checks what the types of its values leave open."""

from pathlib import Path
from typing import Any

from episodic.errors import InputError, require, require_choice
from experiments.planning.grid import EVALUATION, Condition, Grid
from experiments.planning.grid_file import Axis, GridFile, Level, Plot, Selector, Stage
from experiments.planning.metrics import check_metrics
from experiments.planning.options import Options, check_options
from experiments.planning.yaml_files import read_yaml, typed

#: Columns of a CSV besides the axes and the metrics.
COLUMNS = ("condition", EVALUATION, "seed", "revision", "seconds", "total_seconds", "parameters")


def read_grid(path: Path) -> Grid:
    """Return the grid of a file; configs are named relative to the working directory.

    Raises:
        InputError: The file is invalid.
    """
    content = read_yaml(path)
    try:
        return parse_grid(content, path.stem)
    except InputError as error:
        raise InputError(f"grid {path}: {error}") from error


def parse_grid(content: Any, name: str) -> Grid:
    """Return the grid that a file's content describes.

    Raises:
        InputError: see `read_grid`.
    """
    grid = Grid(name, typed(_with_levels(content), GridFile))
    _check(grid)
    return grid


def _with_levels(content: Any) -> Any:
    """Write `{keys: {cue: {}, label: {}}}`, the short form of an axis, as `{keys: {levels: {...}}}`."""
    axes = content.get("axes") if isinstance(content, dict) else None
    if not isinstance(axes, dict):
        return content
    long = {
        name: axis if not isinstance(axis, dict) or {"values", "levels"} & axis.keys() else {"levels": axis}
        for name, axis in axes.items()
    }
    for name, axis in long.items():
        if isinstance(axis, dict) and isinstance(axis.get("levels"), dict):
            long[name] = {**axis, "levels": {level: said or {} for level, said in axis["levels"].items()}}
    return {**content, "axes": long}


def _check(grid: Grid) -> None:
    file = grid.file
    check_seeds(file.seeds)
    require(bool(file.axes), "axes is empty: it must name at least one axis")
    for name, axis in file.axes.items():
        _check_axis(name, axis)
    for where, options in _all_options(file):
        check_options(options, where)
    for where, selector in _selectors(file):
        check_selector(where, selector, file)
    for addition in file.additions:
        strange = [seed for seed in addition.seeds or [] if seed not in file.seeds]
        require(not strange, f"additions: seeds is {addition.seeds}: they must be among the grid's, {file.seeds}")
    for name, stage in file.stages.items():
        for taken in stage.axes:
            require_choice(f"stages, {name}: axis", taken, tuple(file.axes))
        if stage.of is not None:
            require_choice(f"stages, {name}: of", stage.of, tuple(file.stages))
    names = [condition.name for condition in grid.conditions]
    require(bool(names), "only and skip leave no condition")
    twice = [name for name in names if names.count(name) > 1]
    require(not twice, f"two conditions are named {twice[0] if twice else ''!r}: rename a level")
    plot = file.report.plot if file.report else Plot()
    for key, shown in (("x", plot.x), ("hue", plot.hue), ("panel", plot.panel)):
        require_choice(f"report: plot: {key}", shown, ("", EVALUATION, *file.axes))
    require(
        not plot.x or (plot.x in file.axes and file.axes[plot.x].is_number),
        f"report: plot: x is {plot.x}: it must be an axis whose values are numbers",
    )
    also = [*file.report.also, *filter(None, [file.report.metric])] if file.report else []
    for metric in also:
        require_choice("report: metric", metric, tuple(file.metrics))
    check_metrics([*file.metrics, *file.curves], configs_of(grid))


def check_seeds(seeds: list[int]) -> None:
    """Check that seeds are different whole numbers."""
    require(bool(seeds) and all(seed >= 0 for seed in seeds), f"seeds is {seeds}: it must list numbers, 0 or more")
    require(len(set(seeds)) == len(seeds), f"seeds is {seeds}: each may occur once")


def configs_of(grid: Grid) -> set[Path]:
    """Return the configs of what is tested.

    Raises:
        InputError: a condition has none, or a file is not there.
    """
    paths = {_config(grid, condition) for condition in grid.conditions}
    for path in paths:
        require(path.is_file(), f"config {path} does not exist: it must be a file, as seen from here")
    return paths


def _config(grid: Grid, condition: Condition) -> Path:
    level = grid.level_of(condition)
    stages = [grid.file.stages[part.stage] for part in level if part.stage in grid.file.stages]
    parts: list[Level | Stage] = [*level, *stages]
    named = [grid.file.config, *(part.config for part in parts if part.config is not None)]
    require(named[-1] is not None, f"{condition.name!r} has no config: it, or the grid, must name one")
    return Path(str(named[-1]))


def _check_axis(name: str, axis: Axis) -> None:
    require(name not in COLUMNS, f"axis {name}: it must not be named like another column of the CSV")
    require(bool(axis.levels) != bool(axis.values), f"axis {name}: it must have either levels, or option and values")
    require(bool(axis.option) == bool(axis.values), f"axis {name}: option and values go together")
    require(len(axis.all) == len(axis.values or axis.levels), f"axis {name}: each value may occur once")
    for level in axis.all:
        printable = str(level).isprintable() and bool(str(level).strip())
        require(printable, f"axis {name}: {level!r} must be printable text, on one line")


def _all_options(file: GridFile) -> list[tuple[str, Options]]:
    found = [("options", file.options)]
    found += [(f"evaluations, {name!r}", options) for name, options in file.evaluations.items()]
    found += [(f"stages, {name!r}", stage.options) for name, stage in file.stages.items()]
    levels = [(f"axis {axis}, {name!r}", level) for axis, said in file.axes.items() for name, level in said.all.items()]
    levels += [("exceptions", exception.use) for exception in file.exceptions]
    levels += [("additions", addition.level) for addition in file.additions]
    for where, level in levels:
        found += [(where, level.options), (where, level.test)]
        found += [(f"{where}, stage {name!r}", stage.options) for name, stage in level.stages.items()]
        for name in [*level.stages, *filter(None, [level.stage])]:
            require_choice(f"{where}: stage", name, tuple(file.stages))
    return found


def _selectors(file: GridFile) -> list[tuple[str, Selector]]:
    found = [("only", selector) for selector in file.only] + [("skip", selector) for selector in file.skip]
    found += [("exceptions", exception.where) for exception in file.exceptions]
    found += [("additions", addition.where) for addition in file.additions]
    return [*found, ("baseline", dict(file.baseline))]


def check_selector(where: str, selector: Selector, file: GridFile) -> None:
    """Check that a selector names axes of a grid and their levels."""
    for name, wanted in selector.items():
        evaluations = tuple(file.evaluations) if where == "skip" else ()
        known = {**{axis: tuple(said.all) for axis, said in file.axes.items()}, EVALUATION: evaluations}
        require_choice(f"{where}: axis", name, tuple(known))
        for level in wanted if isinstance(wanted, list) else [wanted]:
            names = ", ".join(map(str, known[name]))
            require(level in known[name], f"{where}: {name} is {level!r}: it must be one of {names}")
