"""A search as its YAML file describes it: what is trained, what may be chosen, and by which validation metric."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner

from episodic.errors import InputError, require, require_choice
from experiments.engine.job import identity_of
from experiments.planning.grid_reader import check_seeds
from experiments.planning.metrics import check_metrics
from experiments.planning.options import Options, check_options
from experiments.planning.yaml_files import Scalar, read_yaml, typed

DIRECTIONS = ("maximize", "minimize")
PRUNERS: dict[str, type[BasePruner]] = {"median": MedianPruner, "hyperband": HyperbandPruner, "none": NopPruner}


@dataclass(frozen=True)
class Parameter:
    """What an option may be: a number from `low` to `high`, both included, or one of `choices`.

    Args:
        low: the least; numbers are whole if both ends are.
        high: the greatest.
        log: whether the logarithm is drawn evenly at first.
        step: only low, low + step, low + 2 step, ...
        choices: values, in no order.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: list[Scalar] | None = None

    def distribution(self) -> BaseDistribution:
        """Return the values that it may take, for Optuna.

        Raises:
            ValueError: there are none.
        """
        if self.choices is not None:
            return CategoricalDistribution(self.choices)
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("it must have choices, or low and a greater high")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"its step is {self.step}: it must be above 0")
        if isinstance(self.low, int) and isinstance(self.high, int):
            if self.step is not None and int(self.step) != self.step:
                raise ValueError(f"its step is {self.step}: it must be whole, as low and high are")
            return IntDistribution(self.low, self.high, self.log, int(self.step or 1))
        return FloatDistribution(self.low, self.high, self.log, self.step)

    def allows(self, value: Scalar) -> bool:
        """Return whether a trial may have this value."""
        if self.choices is not None:
            return value in self.choices
        if self.low is None or self.high is None or isinstance(value, bool):
            return False
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if not isinstance(value, int if whole else int | float) or not self.low <= value <= self.high:
            return False
        steps = 0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-8


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """The settings of a search, apart from what it trains.

    Args:
        seeds: one training of each trial for each; a trial's value is the mean.
        metric: the validation metric that trials are compared by.
        trials: how many of each search, over all processes.
        parameters: by the options' names.
        direction: `maximize` or `minimize`.
        options: of every training.
        pruner: `median`, `hyperband` or `none`: which trials are stopped early.
    """

    seeds: list[int]
    metric: str
    trials: int
    parameters: dict[str, Parameter]
    direction: str = "maximize"
    options: Options = field(default_factory=dict)
    pruner: str = "median"


@dataclass(frozen=True, kw_only=True)
class SearchFile(SearchSettings):
    """The content of a search's file.

    Args:
        config: what is trained.
        first: parameters of the first trial; those that it leaves out are drawn.
    """

    config: str
    first: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """A search's file that has been checked.

    Args:
        name: the file's name, without its ending.
        file: its content.
        trials: how many, over all processes.
    """

    name: str
    file: SearchFile
    trials: int

    @property
    def definition(self) -> dict[str, Any]:
        """All that must stay the same for trials to be comparable, as plain data."""
        content = asdict(self.file)
        del content["trials"]
        return {**content, "content of the config": identity_of(read_yaml(Path(self.file.config)))}


def read_search(path: Path, trials: int | None = None) -> Search:
    """Return the search of a file, of so many trials; None: as many as the file says.

    Raises:
        InputError: The file is invalid.
    """
    content = read_yaml(path)
    try:
        return checked_search(path.stem, typed(content, SearchFile), trials)
    except InputError as error:
        raise InputError(f"search {path}: {error}") from error


def checked_search(name: str, file: SearchFile, trials: int | None = None) -> Search:
    """Return a search of this content, once it is checked.

    Raises:
        InputError: something is wrong.
    """
    _check(file)
    trials = file.trials if trials is None else trials
    require(trials > 0, f"trials is {trials}: it, or --trials, must be 1 or more")
    return Search(name, file, trials)


def _check(file: SearchFile) -> None:
    require(Path(file.config).is_file(), f"config {file.config} does not exist: it must be a file, as seen from here")
    check_seeds(file.seeds)
    require_choice("direction", file.direction, DIRECTIONS)
    require_choice("pruner", file.pruner, tuple(PRUNERS))
    require(
        file.metric.startswith("val/"),
        f"metric is {file.metric!r}: it must be a validation metric, such as val/reward; the test may not choose",
    )
    check_metrics([file.metric], [Path(file.config)])
    check_options(file.options, "options")
    check_options(dict.fromkeys(file.parameters), "parameters")
    require(bool(file.parameters), "parameters is empty: it must name at least one option")
    for name, parameter in file.parameters.items():
        require(name not in file.options, f"{name} is listed under options and under parameters: use only one")
        try:
            parameter.distribution()
        except ValueError as error:
            raise InputError(f"parameters, {name}: {' '.join(str(error).split())}") from error
    for name, value in file.first.items():
        require(name in file.parameters, f"first, {name}: it must be one of parameters, {', '.join(file.parameters)}")
        require(file.parameters[name].allows(value), f"first, {name} is {value}: it must be one of the values allowed")
