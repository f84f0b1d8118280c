"""A search as its YAML file describes it: what is trained, what may be chosen, and by which validation figure."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from episodic.errors import InputError, require, require_choice
from experiments.conditions import config_content
from experiments.grid import parse_seeds
from experiments.overrides import Arguments, override_arguments
from experiments.search_parameters import Parameter, parse_parameters
from experiments.unique_keys import read_yaml_file

KEYS = ("config", "seeds", "metric", "direction", "trials", "overrides", "parameters")
DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Search:
    """Trials, each a training of the same config with other values of the parameters.

    Args:
        name: the file's name, without its ending.
        config: what is trained.
        content: hash of what that config says.
        seeds: one training of each trial for each; a trial's value is the mean.
        metric: the validation figure that the trials are compared by.
        direction: `maximize` or `minimize`.
        trials: how many, over all processes.
        arguments: what every training overrides.
        parameters: what may be chosen.
    """

    name: str
    config: Path
    content: str
    seeds: tuple[int, ...]
    metric: str
    direction: str
    trials: int
    arguments: Arguments
    parameters: tuple[Parameter, ...]

    @property
    def definition(self) -> dict[str, Any]:
        """All that has to stay the same for trials to be comparable, as plain data."""
        parameters = {parameter.name: _told(parameter) for parameter in self.parameters}
        return {
            "config": self.config.name,
            "content of the config": self.content,
            "seeds": list(self.seeds),
            "metric": self.metric,
            "direction": self.direction,
            "overrides": list(self.arguments),
            "parameters": parameters,
        }


def _told(parameter: Parameter) -> dict[str, Any]:
    """A parameter without its name; lists in place of tuples, as JSON gives them back."""
    said = {key: value for key, value in asdict(parameter).items() if key != "name"}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}


def read_search(path: Path, trials: int | None = None) -> Search:
    """The search that a file describes, of so many trials; None: as many as the file says.

    Raises:
        InputError: in one line, whatever is wrong with the file.
    """
    require(path.is_file(), f"search {path} does not exist: it must be a YAML file")
    require(trials is None or trials > 0, f"--trials is {trials}: it must be 1 or more")
    try:
        return parse_search(read_yaml_file(path), path.stem, trials)
    except InputError as error:
        raise InputError(f"search {path}: {error}") from error


def parse_search(said: Any, name: str, trials: int | None = None) -> Search:
    """The search that a file's content describes.

    Raises:
        InputError: a key that is unknown, missing or of the wrong kind; a metric that is no validation figure; a
            config that does not exist; an option that is both fixed and searched.
    """
    require(isinstance(said, dict), f"it holds {said!r}: it must be a mapping with {', '.join(KEYS)}")
    for key in said:
        require_choice("key", str(key), KEYS)
    config, seeds, direction = said.get("config"), said.get("seeds"), said.get("direction")
    require(isinstance(config, str), f"config is {config!r}: it must name a config's file")
    require(Path(str(config)).is_file(), f"config {config} does not exist: it must be a file, as seen from here")
    require_choice("direction", str(direction), DIRECTIONS)
    arguments, parameters = _overrides(said.get("overrides")), parse_parameters(said.get("parameters"))
    for parameter in parameters:
        fixed = any(argument.startswith(f"--{parameter.name}=") for argument in arguments)
        require(not fixed, f"{parameter.name} stands under overrides and under parameters: only one can be")
    return Search(
        name=name,
        config=Path(str(config)),
        content=config_content(Path(str(config))),
        seeds=parse_seeds([seeds] if type(seeds) is int else seeds),
        metric=_metric(said.get("metric")),
        direction=str(direction),
        trials=_trials(said.get("trials") if trials is None else trials),
        arguments=arguments,
        parameters=parameters,
    )


def _overrides(said: Any) -> Arguments:
    arguments = override_arguments(said, "overrides")
    for argument in arguments:
        to_other = argument.partition("=")[2].startswith("@")
        require(not to_other, f"overrides: {argument[2:]} refers to a condition, which only a grid has")
    return arguments


def _metric(metric: Any) -> str:
    named = isinstance(metric, str) and bool(metric)
    require(named, f"metric is {metric!r}: it must be the name of a validation figure, such as val/reward")
    require(
        not metric.startswith("test"),
        f"metric is {metric!r}: nothing is chosen by the test set, or its figures would say too much of what was "
        "chosen: it must be a validation figure, such as val/reward",
    )
    right = metric.startswith("val/")
    require(right, f"metric is {metric!r}: it must be a validation figure, such as val/reward")
    return str(metric)


def _trials(trials: Any) -> int:
    whole = type(trials) is int and trials > 0
    require(whole, f"trials is {trials!r}: it, or --trials, has to be a whole number, 1 or more")
    return int(trials)
