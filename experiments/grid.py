"""A grid of experiments as its YAML file describes it: conditions x seeds to train, evaluations to test under."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from errors import InputError, require, require_choice
from experiments.unique_keys import read_yaml

#: Arguments of the command line, `--name=value` each.
Arguments = tuple[str, ...]
KEYS = ("config", "seeds", "overrides", "evaluations", "baseline", "conditions", "metrics")
#: What the runner says itself.
RESERVED = ("config", "ckpt_path", "seed_everything", "run.root", "run.name", "run.version")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\+?")


@dataclass(frozen=True)
class Condition:
    """One row of the grid.

    Args:
        name: what it is called in the results.
        config: the config that it is trained with.
        content: hash of what that config says.
        arguments: what it overrides, in training; of one that is not trained itself, at test.
        trained_as: the condition whose checkpoints it is tested with; None trains its own.
    """

    name: str
    config: Path
    content: str
    arguments: Arguments
    trained_as: str | None = None


@dataclass(frozen=True)
class Grid:
    """Every condition is trained with every seed, every trained agent tested under every evaluation.

    Args:
        name: the file's name, without its ending.
        seeds: one training of each condition for each.
        arguments: what every training overrides.
        evaluations: by name, what a test under it overrides.
        conditions: by name, in the file's order.
        metrics: the figures of the table; differences are taken of the first.
        baseline: the condition that the others are compared with.
    """

    name: str
    seeds: tuple[int, ...]
    arguments: Arguments
    evaluations: Mapping[str, Arguments]
    conditions: Mapping[str, Condition]
    metrics: tuple[str, ...]
    baseline: str | None = None


def read_grid(path: Path) -> Grid:
    """The grid that a file describes; its configs are named relative to the working directory.

    Raises:
        InputError: in one line, whatever is wrong with the file.
    """
    require(path.is_file(), f"grid {path} does not exist: it has to be a YAML file")
    try:
        return parse_grid(read_yaml(path.read_text(encoding="utf-8")), path.stem)
    except InputError as error:
        raise InputError(f"grid {path}: {error}") from error


def parse_grid(said: Any, name: str) -> Grid:
    """The grid that a file's content describes.

    Raises:
        InputError: a key that is unknown, missing or of the wrong kind; a baseline or `trained_as` that is no
            condition; a config that does not exist.
    """
    require(isinstance(said, dict), f"it holds {said!r}: it has to be a mapping with {', '.join(KEYS)}")
    for key in said:
        require_choice("key", str(key), KEYS)
    conditions = _conditions(said)
    baseline = said.get("baseline")
    if baseline is not None:
        require_choice("baseline", str(baseline), tuple(conditions))
    return Grid(
        name=name,
        seeds=_seeds(said.get("seeds")),
        arguments=override_arguments(said.get("overrides"), "overrides"),
        evaluations=_evaluations(said.get("evaluations", {"test": {}})),
        conditions=conditions,
        metrics=_metrics(said.get("metrics")),
        baseline=baseline,
    )


def override_arguments(overrides: Any, where: str) -> Arguments:
    """`{"model.memory.threshold": -1}` as `("--model.memory.threshold=-1",)`.

    With an equals sign, since the command line would take a value such as -1e-3 for an option of its own.

    Raises:
        InputError: it is no mapping, a name is not dotted or the runner's own, a value is a list or a mapping.
    """
    require(overrides is None or isinstance(overrides, dict), f"{where} is {overrides!r}: it has to be a mapping")
    return tuple(_argument(name, value, where) for name, value in (overrides or {}).items())


def _argument(name: Any, value: Any, where: str) -> str:
    dotted = isinstance(name, str) and NAME.fullmatch(name) is not None
    require(dotted, f"{where}: {name!r} is no name of an option, such as model.memory.threshold")
    require(name not in RESERVED, f"{where}: {name} is set by the runner and cannot be overridden")
    plain = value is None or isinstance(value, str | int | float)
    require(plain, f"{where}: {name} is {value!r}: it has to be text, a number, true, false or null")
    text = value if isinstance(value, str) else yaml.safe_dump(value).splitlines()[0]
    return f"--{name}={text}"


def _seeds(seeds: Any) -> tuple[int, ...]:
    whole = isinstance(seeds, list) and bool(seeds) and all(type(seed) is int and seed >= 0 for seed in seeds)
    require(whole, f"seeds is {seeds!r}: it has to be a list of whole numbers, 0 or more")
    require(len(set(seeds)) == len(seeds), f"seeds is {seeds!r}: each may stand there once")
    return tuple(seeds)


def _metrics(metrics: Any) -> tuple[str, ...]:
    named = isinstance(metrics, list) and bool(metrics) and all(isinstance(name, str) for name in metrics)
    require(named, f"metrics is {metrics!r}: it has to be a list of names such as test/reward")
    return tuple(dict.fromkeys(metrics))


def _evaluations(evaluations: Any) -> dict[str, Arguments]:
    _require_named(evaluations, "evaluations")
    return {name: override_arguments(said, f"evaluations, {name!r}") for name, said in evaluations.items()}


def _conditions(said: Mapping[str, Any]) -> dict[str, Condition]:
    _require_named(said.get("conditions"), "conditions")
    sections: dict[str, dict[str, Any]] = {name: section or {} for name, section in said["conditions"].items()}
    for name, section in sections.items():
        require(isinstance(section, dict), f"conditions, {name!r} is {section!r}: it has to be a mapping")
    return {name: _condition(name, sections, said.get("config")) for name in sections}


def _condition(name: str, sections: Mapping[str, Mapping[str, Any]], config: Any) -> Condition:
    section, where = dict(sections[name]), f"conditions, {name!r}"
    own, trained_as = section.pop("config", None), section.pop("trained_as", None)
    if trained_as is not None:
        trained = tuple(other for other, said in sections.items() if said.get("trained_as") is None)
        require_choice(f"{where}: trained_as", str(trained_as), trained)
        require(own is None, f"{where}: config is {own!r}: with trained_as it is that condition's")
        own = sections[trained_as].get("config")
    path = _config(own or config, where)
    return Condition(name, path, config_content(path), override_arguments(section, where), trained_as)


def _config(config: Any, where: str) -> Path:
    require(isinstance(config, str), f"{where}: config is {config!r}: it, or the grid, has to name a config's file")
    require(Path(config).is_file(), f"{where}: config {config} does not exist: it has to be a file, as seen from here")
    return Path(config)


def config_content(path: Path) -> str:
    """Hash of what a config says; comments and the file's place do not matter."""
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"config {path} is no YAML: {' '.join(str(error).split())}") from error
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()[:16]


def _require_named(section: Any, name: str) -> None:
    """A mapping with at least one entry and with text for keys."""
    require(isinstance(section, dict) and bool(section), f"{name} is {section!r}: it has to name at least one")
    unnamed: Sequence[Any] = [key for key in section if not isinstance(key, str)]
    require(not unnamed, f"{name}: {next(iter(unnamed), None)!r} has to be text: put it in quotes")
