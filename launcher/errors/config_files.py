"""Checks of config files before a parser reads them, whose own messages do not name the file."""

import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from episodic.errors import InputError, require
from launcher.errors.yaml_text import load_text
from launcher.help.overview import CONFIGS


def given_configs(arguments: Sequence[str]) -> Iterator[str]:
    """The files that a command line names by `--config` or `-c`."""
    for position, argument in enumerate(arguments):
        head, equals, tail = argument.partition("=")
        if head in ("--config", "-c") and (equals or position + 1 < len(arguments)):
            yield tail if equals else arguments[position + 1]


def check_config(path: str, options: Iterable[str]) -> None:
    """Raise `InputError` unless a file holds a config: a mapping of known sections, in YAML.

    Args:
        path: of the file.
        options: names of the command's options, such as `trainer.max_epochs`.
    """
    require("\0" not in path, f"config {path!r} cannot be the name of a file")
    if not os.path.exists(path):
        raise InputError(f"config {path} does not exist{_meant(path)}")
    require(not os.path.isdir(path), f"config {path} is a folder: --config names a file{_meant(path)}")
    content = _read(path)
    require(isinstance(content, dict), f"config {path} holds {_spoken(content)}: it must be a mapping of sections")
    names = list(options)
    roots, groups = (
        {name.partition(".")[0] for name in names},
        {name.partition(".")[0] for name in names if "." in name},
    )
    for section, value in content.items():
        require(isinstance(section, str), f"config {path}: the section {section!r} must have a name")
        root = section.partition(".")[0]
        if root not in roots:
            close = get_close_matches(root, sorted(roots), n=1)
            meant = f"did you mean {close[0]}?" if close else f"it may be {', '.join(sorted(roots))}"
            raise InputError(f"config {path}: section {section!r} is not known: {meant}")
        mapping = section not in groups or isinstance(value, dict | str | None)
        require(mapping, f"config {path}: section {section} is {_spoken(value)}: it must be a mapping")


def _read(path: str) -> Any:
    try:
        return load_text(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"config {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"config {path} is not text in UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise InputError(f"config {path} is not valid YAML: {error.problem or error.context}{where}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"config {path} cannot be read: {' '.join(str(error).split())}") from error


def _spoken(content: Any) -> str:
    kinds = {list: "a list", type(None): "nothing", str: "text", bool: "true or false"}
    return kinds.get(type(content), "a number")


def _meant(path: str) -> str:
    """The shipped config whose name is closest; empty where none is close."""
    shipped = {file.stem: file for file in CONFIGS.glob("*.yaml")}
    close = get_close_matches(Path(path[-200:]).stem, shipped, n=1, cutoff=0.75)
    return f": did you mean {_shown(shipped[close[0]])}?" if close else ""


def _shown(path: Path) -> Path:
    """A path relative to the working directory if it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
