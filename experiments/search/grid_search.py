"""Searches over the conditions of a grid: one search for each, with the condition's config and options.

So every way of doing something gets the same number of trials.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from episodic.errors import InputError, require
from experiments.planning.grid import Condition, Grid, matches
from experiments.planning.grid_file import Selector
from experiments.planning.grid_reader import check_selector, read_grid
from experiments.planning.options import Options, merged, value_in
from experiments.planning.plan import folder_name
from experiments.planning.yaml_files import read_yaml, typed
from experiments.search.file import Parameter, Search, SearchFile, SearchSettings, checked_search, read_search


@dataclass(frozen=True)
class Further:
    """What only some conditions have.

    Args:
        where: the conditions.
        parameters: by the options' names; they replace parameters of the same name.
        options: on top of the file's.
        seeds: in place of the file's.
    """

    where: Selector
    parameters: dict[str, Parameter] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    seeds: list[int] | None = None


@dataclass(frozen=True, kw_only=True)
class GridSearchFile(SearchSettings):
    """The content of a file of searches over a grid's conditions; its `options` are on top of the condition's.

    Args:
        grid: the grid's file.
        skip: conditions that are not searched.
        additions: further parameters and options of some conditions, and other seeds.
    """

    grid: str
    skip: list[Selector] = field(default_factory=list)
    additions: list[Further] = field(default_factory=list)


def read_searches(path: Path, trials: int | None = None, only: str = "") -> list[Search]:
    """Return the search of a file, or those of the conditions of its grid.

    Args:
        path: of the file.
        trials: of each search; None: as many as the file says.
        only: of a grid's conditions, those whose name contains it.

    Raises:
        InputError: The file is invalid.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or "grid" not in content:
        require(not only, f"--only is {only!r}: search {path} has no grid, and so no conditions")
        return [read_search(path, trials)]
    try:
        file = typed(content, GridSearchFile)
        grid = read_grid(Path(file.grid))
        for selector in [*file.skip, *(further.where for further in file.additions)]:
            check_selector("skip or additions", selector, grid.file)
        wanted = [own for own in grid.conditions if not any(matches(where, own.levels) for where in file.skip)]
        chosen = [condition for condition in wanted if only in condition.name]
        known = ", ".join(repr(condition.name) for condition in wanted)
        require(bool(chosen), f"--only is {only!r}: it must be part of a condition's name, of {known}")
        return [_search(path.stem, file, grid, condition, trials) for condition in chosen]
    except InputError as error:
        raise InputError(f"search {path}: {error}") from error


def _search(name: str, file: GridSearchFile, grid: Grid, condition: Condition, trials: int | None) -> Search:
    levels = grid.level_of(condition)
    configs = [config for config in (grid.file.config, *(level.config for level in levels)) if config is not None]
    own = merged(grid.file.options, *(level.options for level in levels))
    staged = [level.stage for level in levels if level.stage] + [one for one in own.values() if str(one)[:1] == "@"]
    require(not staged, f"{condition.name!r} builds on stages, which a search does not train: list it under skip")
    parameters, options, seeds = dict(file.parameters), file.options, file.seeds
    for further in file.additions:
        if matches(further.where, condition.levels):
            parameters |= further.parameters
            options = merged(options, further.options)
            seeds = seeds if further.seeds is None else further.seeds
    # What the condition says of a parameter is what the search is about: where it begins.
    config = read_yaml(Path(configs[-1]))
    found = {option: own.get(option, value_in(config, option)) for option in parameters}
    first = {option: value for option, value in found.items() if parameters[option].allows(value)}
    options = merged({option: value for option, value in own.items() if option not in parameters}, options)
    settings: dict[str, Any] = {one.name: getattr(file, one.name) for one in fields(SearchSettings)}
    settings |= {"options": options, "parameters": parameters, "seeds": seeds}
    content = SearchFile(config=configs[-1], first=first, **settings)
    return checked_search(f"{name}-{folder_name(condition.name)}", content, trials)
