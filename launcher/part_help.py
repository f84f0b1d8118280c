"""Answers to `--PART.help [CLASS]`: the classes that a part takes, and the options of one of them.

A part is an option whose value is a class: `--model`, `--data.task`, `--model.keys.embedder`, `--trainer.callbacks`.
"""

import importlib
import inspect
import re
from argparse import SUPPRESS
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import yaml
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from rich.console import Console
from rich.text import Text

from callbacks.run_checkpoint import RunCheckpoint
from episodic.errors import InputError, require
from launcher import short_names
from launcher.arguments import option
from launcher.help_formatter import OptionsFormatter
from launcher.known_classes import descendants, is_own
from launcher.parser import OneLineParser
from launcher.run_folder import RunSettings

#: The classes of the sections of a config.
SECTIONS: dict[str, type] = {
    "model": LightningModule,
    "data": LightningDataModule,
    "trainer": Trainer,
    "checkpoint": RunCheckpoint,
    "run": RunSettings,
}
#: Sections whose class is fixed.
FIXED = ("trainer", "checkpoint", "run")


class Part(NamedTuple):
    """What a part takes.

    Args:
        bases: a value is an object of one of these classes.
        given: number of leading arguments that the program gives, where the part is a factory.
        default: the class that stands there if the configuration says nothing.
    """

    bases: tuple[type, ...]
    given: int = 0
    default: type | None = None


def print_part_help(arguments: Sequence[str]) -> bool:
    """Print the help for the first `--PART.help [CLASS]` among the arguments; False where there is none.

    Raises:
        InputError: there is no such part, or no such class.
    """
    for position, argument in enumerate(arguments):
        asked = re.fullmatch(r"--([\w.]+)\.help(?:=(.*))?", argument)
        if asked is not None and asked[1].partition(".")[0] in SECTIONS:
            following = next(iter(arguments[position + 1 : position + 2]), "--")
            separate = asked[2] is None and not following.startswith("-")
            name = following if separate else asked[2]
            rest = [*arguments[:position], *arguments[position + 1 + separate :]]
            _print(asked[1], name, rest)
            return True
    return False


def _print(path: str, name: str | None, arguments: Sequence[str]) -> None:
    part = find_part(path, arguments)
    fixed = path in FIXED or (len(part.bases) == 1 and _takes_itself_alone(part.bases[0]))
    if name is None and not fixed:
        _print_classes(path, part)
    chosen = class_of(path, part, name) if name is not None else _chosen(path, part, arguments)
    if chosen is None and fixed:
        chosen = part.bases[0]
    if chosen is not None:
        _print_options(path, chosen, part.given)


def _takes_itself_alone(base: type) -> bool:
    return is_own(base) and not inspect.isabstract(base) and not descendants(base)


def find_part(path: str, arguments: Sequence[str] = ()) -> Part:
    """Find what the part at `path` takes, from the types of the arguments of the classes on the way.

    Raises:
        InputError: there is none.

    >>> find_part("model.memory", ["--model", "EpisodicAgent"]).given
    3
    """
    section, *names = path.split(".")
    require(section in SECTIONS, f"--{path}.help: the sections are {', '.join(SECTIONS)}")
    part, walked = Part((SECTIONS[section],), default=SECTIONS[section] if section in FIXED else None), section
    for name in names:
        owner = _chosen(walked, part, arguments) or _owner_of(name, part)
        require(owner is not None, f"--{path}.help: no class that --{walked} takes has a part {name}")
        assert owner is not None
        part, walked = _argument(owner, name, walked), f"{walked}.{name}"
    return part


def _owner_of(name: str, part: Part) -> type | None:
    """The first class with an argument of that name, where nothing says which class it is."""
    owners = (kind for kind in _classes(part) if is_own(kind))
    return next((kind for kind in owners if any(name in _hints(base) for base in kind.__mro__)), None)


def _argument(owner: type, name: str, path: str) -> Part:
    """What the argument `name` of a class takes; an argument may be declared by one of its bases."""
    parts: list[str] = []
    for base in owner.__mro__:
        hints = _hints(base)
        parts += [known for known, hint in hints.items() if any(_factories(hint))]
        if name in hints:
            factories = list(_factories(hints[name]))
            kind = getattr(hints[name], "__name__", str(hints[name]))
            require(bool(factories), f"--{path}.{name}.help: {name} is of type {kind}, it takes no class")
            default = inspect.signature(base).parameters[name].default
            given = max(count for _, count in factories)
            return Part(tuple(kind for kind, _ in factories), given, _class_of_default(default, factories))
    known = f"its parts are {', '.join(dict.fromkeys(parts))}" if parts else "it has no parts"
    raise InputError(f"--{path}.{name}.help: {owner.__name__} has no part {name}; {known}")


def _hints(kind: type) -> dict[str, Any]:
    """Types of a constructor's own arguments."""
    if "__init__" not in vars(kind):
        return {}
    with suppress(NameError, TypeError):  # types that are imported for type checkers only
        hints = get_type_hints(kind.__init__)  # type: ignore[misc]
        return {name: hint for name, hint in hints.items() if name != "return"}
    return {}


def _factories(hint: Any) -> Iterator[tuple[type, int]]:
    """The classes in a type, each with the number of arguments that the program gives to it."""
    arguments = get_args(hint)
    if get_origin(hint) in (Callable, type(None)) or (arguments and isinstance(arguments[0], list)):
        for kind, _ in _factories(arguments[-1]):
            yield kind, len(arguments[0])
    elif arguments:
        for argument in arguments:
            yield from _factories(argument)
    elif inspect.isclass(hint) and hint.__module__ not in ("builtins", "typing", "datetime", "pathlib"):
        yield hint, 0


def _class_of_default(default: Any, factories: Sequence[tuple[type, int]]) -> type | None:
    kind = default if inspect.isclass(default) else type(default)
    return kind if issubclass(kind, tuple(base for base, _ in factories)) else None


def class_of(path: str, part: Part, name: str) -> type:
    """The class of a short name or an import path, which must be one that the part takes.

    Raises:
        InputError: it is not.
    """
    classes = {kind.__name__: kind for kind in reversed(_classes(part))}
    kind: Any = classes.get(name)
    if kind is None and "." in name:
        module, _, attribute = name.rpartition(".")
        with suppress(ImportError, AttributeError):
            kind = getattr(importlib.import_module(module), attribute)
    known = ", ".join(kind.__name__ for kind in _classes(part) if is_own(kind)) or "given by its import path"
    takes = inspect.isclass(kind) and issubclass(kind, part.bases)
    require(takes, f"--{path}: {name} is no known class for it: it may be {known}, or the import path of another")
    chosen: type = kind
    return chosen


def _classes(part: Part) -> list[type]:
    """The classes that a part takes, as far as they are imported: the project's first, each group in order."""
    everything = {kind for base in part.bases for kind in (base, *descendants(base))}
    concrete = {kind for kind in everything if not inspect.isabstract(kind) and not _hidden(kind, part)}
    named = {kind for kind in concrete if kind.__name__ in short_names.__all__}
    unnamed_too = {kind for kind in concrete if not is_own(kind) or not named}
    return sorted(named | unnamed_too, key=lambda kind: (not is_own(kind), kind.__name__, kind.__module__))


def _hidden(kind: type, part: Part) -> bool:
    private = kind.__name__.startswith("_") or "._" in kind.__module__ or kind.__module__.startswith("launcher.")
    return private or (kind in part.bases and not is_own(kind))


def _chosen(path: str, part: Part, arguments: Sequence[str]) -> type | None:
    """The class that stands at `path` by the command line, else by the configs, else by default."""
    name = option(arguments, f"--{path}", f"--{path}.class_path")
    for config in reversed(list(_configs(arguments))):
        value: Any = config
        for step in path.split("."):
            value = value.get("init_args", value) if isinstance(value, dict) else None
            value = value.get(step) if isinstance(value, dict) else None
        named = value.get("class_path") if isinstance(value, dict) else value
        name = name or (named if isinstance(named, str) else None)
    return class_of(path, part, name) if name and name != "null" else part.default


def _configs(arguments: Sequence[str]) -> Iterator[Any]:
    for position, argument in enumerate(arguments):
        head, _, tail = argument.partition("=")
        if head in ("--config", "-c"):
            path = Path(tail or next(iter(arguments[position + 1 : position + 2]), ""))
            require(path.is_file(), f"--config {path} does not exist")
            yield yaml.safe_load(path.read_text(encoding="utf-8"))


def _print_classes(path: str, part: Part) -> None:
    console = Console(highlight=False, soft_wrap=True)
    classes = _classes(part)
    own, others = [kind for kind in classes if is_own(kind)], [kind for kind in classes if not is_own(kind)]
    console.print(Text(f"--{path} takes one of these classes (--{path}.help CLASS lists the options of one):\n"))
    width = max((len(kind.__name__) for kind in own), default=0)
    for kind in own:
        console.print(Text.assemble("  ", (kind.__name__.ljust(width), "cyan"), f"  {_summary(kind)}"))
    if others:
        libraries = sorted({kind.__module__.partition(".")[0] for kind in others})
        console.print(Text(f"  of {', '.join(libraries)}: {', '.join(kind.__name__ for kind in others)}"))
    bases = dict.fromkeys(base.__name__ for base in part.bases)
    console.print(Text(f"  or the import path of another {' or '.join(bases)}\n"))


def _summary(kind: type) -> str:
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
