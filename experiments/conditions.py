"""The conditions of a grid: what is trained, harvested and tested."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from episodic.errors import InputError, require, require_choice
from experiments.overrides import Arguments, named_overrides, override_arguments, require_named


@dataclass(frozen=True)
class Condition:
    """One row of the grid, or what rows are made from.

    Args:
        name: what it is called in the results.
        config: the config that it is trained with.
        content: hash of what that config says.
        arguments: what it overrides, in training; of one that is not trained itself, when its checkpoints are used.
        trained_as: the condition whose checkpoints it is tested with; None trains its own.
        evaluations: by name, what a test under it overrides; with none it is only there to be referred to.
        predicts: what `predict` overrides, which is run from its checkpoints and leaves a harvest; None: it is not.
        seed: the seed of its only training, whatever the seed of what refers to it; None: each seed of the grid.
    """

    name: str
    config: Path
    content: str
    arguments: Arguments
    trained_as: str | None = None
    evaluations: Mapping[str, Arguments] = field(default_factory=dict)
    predicts: Arguments | None = None
    seed: int | None = None


def parse_conditions(said: Any, config: Any, evaluations: Mapping[str, Arguments]) -> dict[str, Condition]:
    """The conditions of a grid's file by name; `config` and `evaluations` are those of all that name no others.

    Raises:
        InputError: a condition that is no mapping, a config that does not exist, an unknown `trained_as`, a value of
            the wrong kind.
    """
    require_named(said, "conditions")
    sections: dict[str, dict[str, Any]] = {name: section or {} for name, section in said.items()}
    for name, section in sections.items():
        require(isinstance(section, dict), f"conditions, {name!r} is {section!r}: it must be a mapping")
    return {name: _condition(name, sections, config, evaluations) for name in sections}


def _condition(
    name: str, sections: Mapping[str, Mapping[str, Any]], config: Any, evaluations: Mapping[str, Arguments]
) -> Condition:
    section, where = dict(sections[name]), f"conditions, {name!r}"
    own, trained_as, seed = section.pop("config", None), section.pop("trained_as", None), section.pop("seed", None)
    tests, predicts = _evaluations(section, evaluations, where), _predicts(section, where)
    if trained_as is not None:
        trained_as = str(trained_as)
        trained = tuple(other for other, said in sections.items() if said.get("trained_as") is None)
        require_choice(f"{where}: trained_as", trained_as, trained)
        for key, value in (("config", own), ("seed", seed)):
            require(value is None, f"{where}: {key} is {value!r}: with trained_as it is that condition's")
        own, seed = sections[trained_as].get("config"), sections[trained_as].get("seed")
    whole = seed is None or (type(seed) is int and seed >= 0)
    require(whole, f"{where}: seed is {seed!r}: it must be a whole number, 0 or more")
    require(
        seed is None or not tests,
        f"{where}: seed is {seed!r}, but an interval wants several: with evaluations: {{}} it is only referred to",
    )
    path = _config(own or config, where)
    arguments = override_arguments(section, where)
    return Condition(name, path, config_content(path), arguments, trained_as, tests, predicts, seed)


def _evaluations(section: dict[str, Any], others: Mapping[str, Arguments], where: str) -> Mapping[str, Arguments]:
    """A condition's own evaluations, else those of the grid; taken out of what it says."""
    if "evaluations" not in section:
        return others
    own = section.pop("evaluations") or {}
    return named_overrides(own, f"{where}, evaluations") if own else {}


def _predicts(section: dict[str, Any], where: str) -> Arguments | None:
    """What a condition's `predicts` overrides; taken out of what it says."""
    if "predicts" not in section:
        return None
    return override_arguments(section.pop("predicts"), f"{where}, predicts")


def _config(config: Any, where: str) -> Path:
    require(isinstance(config, str), f"{where}: config is {config!r}: it, or the grid, has to name a config's file")
    require(Path(config).is_file(), f"{where}: config {config} does not exist: it must be a file, as seen from here")
    return Path(config)


def config_content(path: Path) -> str:
    """Hash of what a config says; comments and the file's place do not matter."""
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:  # the latter: no UTF-8, or a date that there is not
        raise InputError(f"config {path} is no YAML: {' '.join(str(error).split())}") from error
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()[:16]
