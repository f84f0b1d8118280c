"""Answers to `--PART.help [CLASS]`: the classes that a part takes, and the options of one of them."""

import inspect
import re
from argparse import SUPPRESS
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from episodic.errors import InputError, require
from launcher.arguments import option
from launcher.help.formatter import OptionsFormatter
from launcher.help.known_classes import is_own
from launcher.help.parts import SECTIONS, Part, arguments_of, class_named, classes_of, part_of
from launcher.parser import OneLineParser


def print_part_help(arguments: Sequence[str]) -> bool:
    """Print the help for the first `--PART.help [CLASS]` among the arguments; False if there is none.

    Raises:
        InputError: The part or the class does not exist.
    """
    for position, argument in enumerate(arguments):
        asked = re.fullmatch(r"--([\w.]+)\.help(?:=(.*))?", argument)
        if asked is not None and asked[1].partition(".")[0] in SECTIONS:
            following = next(iter(arguments[position + 1 : position + 2]), "--")
            separate = asked[2] is None and not following.startswith("-")
            rest = [*arguments[:position], *arguments[position + 1 + separate :]]
            _print_help(asked[1], following if separate else asked[2], rest)
            return True
    return False


def _print_help(path: str, name: str | None, arguments: Sequence[str]) -> None:
    part = _find_part(path, arguments)
    if name is None and not part.fixed:
        _print_classes(path, part)
    kind = _chosen(path, part, arguments) if name is None else _known(path, name, part)
    if kind is not None:
        _print_options(path, kind, part.given)


def _find_part(path: str, arguments: Sequence[str]) -> Part:
    """Find what the part at `path` takes, by the classes that stand on the way to it.

    Raises:
        InputError: It does not exist.
    """
    walked, *names = path.split(".")
    part = SECTIONS[walked]
    for name in names:
        owner = _chosen(walked, part, arguments) or _first_with(name, part)
        if owner is None:
            raise InputError(f"{path}.help: no class that {walked} takes has a part {name}")
        hints = arguments_of(owner)
        parts = [known for known in hints if part_of(owner, known) is not None]
        known = f"its parts are {', '.join(parts)}" if parts else "it has no parts"
        require(name in hints, f"{path}.help: {owner.__name__} has no part {name}; {known}")
        following = part_of(owner, name)
        if following is None:
            kind = getattr(hints[name], "__name__", str(hints[name]))
            raise InputError(f"{path}.help: {name} is of type {kind} and takes no class; {known}")
        part, walked = following, f"{walked}.{name}"
    return part


def _first_with(name: str, part: Part) -> type | None:
    """The first class with an argument of that name, if the class is not given."""
    return next((kind for kind in classes_of(part) if is_own(kind) and name in arguments_of(kind)), None)


def _chosen(path: str, part: Part, arguments: Sequence[str]) -> type | None:
    """The class that stands at `path` by the command line, else by the configs, else by default."""
    name = option(arguments, f"--{path}", f"--{path}.class_path")
    for config in _configs(arguments):
        name = name or _class_path(config, path)
    return _known(path, name, part) if name not in (None, "null") else part.default


def _known(path: str, name: str | None, part: Part) -> type:
    """The class of that name.

    Raises:
        InputError: The part does not accept the class.
    """
    kind = class_named(str(name), part)
    if kind is None:
        own = ", ".join(known.__name__ for known in classes_of(part) if is_own(known))
        may = f"it may be {own}, or the import path of another" if own else f"--{path}.help lists the classes"
        raise InputError(f"{path}: {name} is not a known class for it: {may}")
    return kind


def _configs(arguments: Sequence[str]) -> Iterator[Any]:
    """The configs that the arguments name, the last one first."""
    for position in reversed(range(len(arguments))):
        head, equals, tail = arguments[position].partition("=")
        if head in ("--config", "-c"):
            path = Path(tail if equals else next(iter(arguments[position + 1 : position + 2]), ""))
            require(path.is_file(), f"--config {path} does not exist")
            try:
                yield yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, yaml.YAMLError) as error:
                raise InputError(f"--config {path} cannot be read: it is not valid YAML") from error


def _class_path(config: Any, path: str) -> str | None:
    """The class that a config names for a part."""
    value = config
    for step in path.split("."):
        value = value.get("init_args", value) if isinstance(value, dict) else None
        value = value.get(step) if isinstance(value, dict) else None
    named = value.get("class_path") if isinstance(value, dict) else value
    return named if isinstance(named, str) else None


def _print_classes(path: str, part: Part) -> None:
    console = Console(highlight=False, soft_wrap=True)
    classes = classes_of(part)
    own, others = [kind for kind in classes if is_own(kind)], [kind for kind in classes if not is_own(kind)]
    console.print(Text(f"--{path} takes one of these classes (--{path}.help CLASS lists the options of one):\n"))
    width = max((len(kind.__name__) for kind in own), default=0)
    for kind in own:
        console.print(Text.assemble("  ", (kind.__name__.ljust(width), "cyan"), f"  {_first_line(kind)}"))
    if others:
        libraries = sorted({kind.__module__.partition(".")[0] for kind in others})
        console.print(Text(f"  of {', '.join(libraries)}: {', '.join(kind.__name__ for kind in others)}"))
    bases = dict.fromkeys(base.__name__ for base in part.bases)
    console.print(Text(f"  or the import path of another {' or '.join(bases)}\n"))


def _first_line(kind: type) -> str:
    """The first line of a class's docstring."""
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def _print_options(path: str, kind: type, given: int) -> None:
    parser = OneLineParser(
        description=f"Options of --{path} {kind.__name__}:",
        formatter_class=OptionsFormatter,
        add_help=False,
        usage=SUPPRESS,
    )
    parser.add_class_arguments(kind, path, skip={given} if given else None, fail_untyped=False)
    parser.print_help()
