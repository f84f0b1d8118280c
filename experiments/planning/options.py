"""Options of the command line as grids and searches give them, and their effect on a config."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import yaml

from episodic.errors import require
from experiments.planning.yaml_files import Scalar

#: Values of options by their dotted names, such as `{"model.memory.threshold": 0.9}`.
Options = dict[str, Scalar]

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\+?")
#: A run is placed, seeded and logged by the engine, so only these options are free.
ALLOWED = re.compile(
    r"(model|data)(\..+|\+)?"
    r"|trainer\.(?!(logger|default_root_dir|profiler|plugins|enable_checkpointing|enable_progress_bar)\b).+"
    r"|checkpoint\.(monitor|mode|every_n_epochs)|run\.threads"
)


def check_options(options: Mapping[str, Scalar], where: str) -> None:
    """Check that options have names, and do not move the run.

    Raises:
        InputError: a name is not an option's, or the engine sets that option itself.
    """
    for name in options:
        dotted = NAME.fullmatch(name) is not None
        require(dotted, f"{where}: {name!r} is not the name of an option, such as model.memory.threshold")
        free = ALLOWED.fullmatch(name) is not None
        require(free, f"{where}: {name} cannot be set here: place, seed and logs of a run are set by the engine")


def as_arguments(options: Mapping[str, Scalar]) -> list[str]:
    """Return `{"model.loss.discount": 0.3}` as `["--model.loss.discount=0.3"]`.

    With an equals sign: the command line would read a value such as -1e-3 as an option.
    """
    return [f"--{name}={as_text(value)}" for name, value in options.items()]


def as_text(value: Scalar) -> str:
    """Return a value as the command line reads it."""
    return value if isinstance(value, str) else yaml.safe_dump(value).splitlines()[0]


def references(value: Scalar) -> list[str]:
    """Return the names of the stages whose files a value stands for: one, or those of a list.

    >>> references("@one"), references("[@one, @the other]"), references("[0.5]"), references(3)
    (['one'], ['one', 'the other'], [], [])
    """
    if not isinstance(value, str) or not value.lstrip("[").startswith("@"):
        return []
    names = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
    return [name.strip().removeprefix("@") for name in names]


def files(value: Scalar, paths: list[str]) -> Scalar:
    """Put the files of the stages that a value refers to in its place.

    >>> files("@one", ["a.ckpt"]), files("[@one, @two]", ["a.ckpt", "b.ckpt"]), files(0.5, [])
    ('a.ckpt', '[a.ckpt, b.ckpt]', 0.5)
    """
    if not paths or not isinstance(value, str):
        return value
    return yaml.safe_dump(paths, default_flow_style=True, width=10**6).strip() if value.startswith("[") else paths[0]


def merged(*parts: Mapping[str, Scalar]) -> Options:
    """Return all options in order; of an option that is given twice the last value counts, at the last place."""
    options: Options = {}
    for part in parts:
        for name, value in part.items():
            options.pop(name, None)
            options[name] = value
    return options


def resolved(config: Any, options: Iterable[tuple[str, Any]]) -> Any:
    """Return a config with options applied, which identifies a run: equal content is the same run.

    A part that is given by its class name replaces what was there, as on the command line.
    """
    content = deepcopy(config)
    for name, value in options:
        *path, last = name.split(".")
        part = content
        for key in path:
            part = _child(part, key)
        settings = _settings(part, last)
        if last.endswith("+"):
            settings.setdefault(last, []).append(value)
        elif isinstance(before := settings.get(last), dict) and isinstance(value, str):
            # What is kept of the former part depends on both classes, so all of it counts.
            settings[last] = {"class_path": value, "init_args": {}, "in place of": before}
        else:
            settings[last] = value
    return comparable(content)


def value_in(config: Any, name: str) -> Any:
    """Return what a config says of an option; None where it says nothing.

    >>> value_in({"model": {"class_path": "Agent", "init_args": {"loss": {"discount": 0.3}}}}, "model.loss.discount")
    0.3
    """
    part = config
    for key in name.split("."):
        part = part.get("init_args") if isinstance(part, dict) and key not in part else part
        if not isinstance(part, dict) or key not in part:
            return None
        part = part[key]
    return part


def comparable(value: Any) -> Any:
    """Return content so that equal ones compare equal, however they are written: 0 and 0.0, `"[]"` and `[]`."""
    if isinstance(value, dict):
        return {str(name): comparable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [comparable(part) for part in value]
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = yaml.safe_load(value) if value.startswith(("[", "{")) else value
    return float(value) if type(value) is int else value


def _child(part: dict[str, Any], key: str) -> dict[str, Any]:
    settings = _settings(part, key)
    if not isinstance(settings.get(key), dict):
        given = settings.get(key)
        settings[key] = {} if given is None else {"class_path": given, "init_args": {}}
    child: dict[str, Any] = settings[key]
    return child


def _settings(part: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the mapping of a part that holds a key: `init_args` for a part with a class."""
    if key in part or "class_path" not in part:
        return part
    settings: dict[str, Any] = part.setdefault("init_args", {})
    return settings
