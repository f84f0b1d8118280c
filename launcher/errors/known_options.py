"""The options and classes that a parser knows, and those that are meant by a name it does not know."""

import inspect
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from operator import getitem
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from launcher.help.known_classes import descendants

#: More names than these are not listed.
SHORT_LIST = 12
#: Sections of a config by the package of their classes.
SECTIONS = {"lightning_modules": "model", "datamodules": "data"}
HELP = "--help lists the options, --model.help CLASS those of a class"


def suggestion(parser: ArgumentParser, message: str) -> str:
    """What to say after a complaint about an unknown option or command; empty after any other.

    >>> import argparse
    >>> parser = argparse.ArgumentParser()
    >>> _ = parser.add_argument("--hidden_size")
    >>> suggestion(parser, "Option 'hiden_size' is not accepted")
    ': did you mean hidden_size? (--help lists the options, --model.help CLASS those of a class)'
    """
    if command := re.search(r"invalid choice: '(.*?)' \(choose from (.*?)\)", message, re.DOTALL):
        return _meant(command.group(1), re.findall(r"\w+", command.group(2)))
    unknown = re.search(
        r"Option '([\w.]*)' is not accepted|does not accept option '([\w.]*)'|unrecognized arguments: (?:--)?([\w.]*)",
        message,
    )
    if unknown is None or HELP in message:
        return ""
    name = next(group for group in unknown.groups() if group is not None)
    names = sorted(set(option_names(parser)))
    meant = _meant(name, names) or (_with_section(name) if unknown.group(3) else "")
    few = f": it may be {', '.join(names)}" if name and 0 < len(names) <= SHORT_LIST else ""
    return f"{meant or few} ({HELP})"


def _with_section(name: str) -> str:
    """`: did you mean model.keys.source?` of `keys.source`, an argument of a model or data module; else empty."""
    short_names = sys.modules.get("launcher.short_names")
    for kind in (getattr(short_names, own) for own in getattr(short_names, "__all__", ())):
        section = SECTIONS.get(kind.__module__.partition(".")[0])
        if section and name.partition(".")[0] in inspect.signature(kind).parameters:
            return f": did you mean {section}.{name}?"
    return ""


def option_names(parser: ArgumentParser) -> Iterator[str]:
    """The names of a parser's options, and those of its commands."""
    for action in parser._actions:
        names = (option[2:] for option in action.option_strings if option.startswith("--"))
        yield from (name for name in names if name.rpartition(".")[2] not in ("help", "print_shtab", "print_config"))
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from option_names(command)


def _meant(name: str, names: Iterable[str]) -> str:
    """`: did you mean ...?`; empty if no name is close."""
    names = list(names)
    section, _, last = name.rpartition(".")
    beside = {other.rpartition(".")[2]: other for other in names if other.rpartition(".")[0] == section}
    close = [beside[other] for other in get_close_matches(last, beside, n=1, cutoff=0.7)]
    close = close or get_close_matches(name, names, n=1, cutoff=0.75)
    # The section may be what is missing, as in `max_epochs` for `trainer.max_epochs`.
    close = close or [other for other in names if last and other.rpartition(".")[2] == last][:1]
    return f": did you mean {close[0]}?" if close else ""


def class_names(parser: ArgumentParser, message: str) -> list[str]:
    """The project's classes that the option in a message accepts, the likeliest first."""
    key = re.search(r'[Kk]ey "([\w.]+)"', message)
    action = next((action for action in parser._actions if key and action.dest == key.group(1)), None)
    kinds = {kind for base in _bases(getattr(action, "_typehint", None)) for kind in (base, *descendants(base))}
    concrete = {kind for kind in kinds if not inspect.isabstract(kind) and not kind.__name__.startswith("_")}
    listed = getattr(sys.modules.get("launcher.short_names"), "__all__", ())
    own = sorted(kind.__name__ for kind in concrete if kind.__name__ in listed)
    wrong = re.search(r"Given value: ([\w.]+)|import path string: ([\w.]+)|no attribute '(\w+)'", message)
    name = next((group for group in wrong.groups() if group), "") if wrong else ""
    close = get_close_matches(name.rpartition(".")[2], [kind.__name__ for kind in concrete], n=3)
    return list(dict.fromkeys([*(c for c in close if c not in own), *own]))[:SHORT_LIST]


def _bases(hint: Any) -> Iterator[type]:
    """The classes in a type hint; of a callable the one that it returns."""
    if inspect.isclass(hint) and hint.__module__ not in ("builtins", "types", "collections.abc", "torch"):
        yield hint
    arguments = get_args(hint)
    returned = arguments[-1:] if arguments and isinstance(arguments[0], list) else arguments
    for part in returned:
        yield from _bases(part)


def members(hint: Any) -> Iterator[Any]:
    """The types that a type hint allows."""
    if get_origin(hint) in (Union, UnionType):
        for part in get_args(hint):
            yield from members(part)
    else:
        yield hint


def whole_numbers_first(hint: Any) -> Any:
    """The type hint with `int` ahead of `float`, so that the parser reads `1` as a whole number.

    `typing` returns equal unions in the order that was used first, which may be another library's. For a trainer's
    `limit_train_batches` 1 is one batch, and 1.0 is all.

    >>> [kind.__name__ for kind in members(whole_numbers_first(float | int | None))]
    ['int', 'float', 'NoneType']
    """
    kinds = list(members(hint))
    if int not in kinds or float not in kinds or kinds.index(int) < kinds.index(float):
        return hint
    ordered = (int, float, *(kind for kind in kinds if kind not in (int, float)))
    return getitem(Union, ordered)


def accepts_null(hint: Any) -> bool:
    """Whether an option of this type may be null; true for types that are not known.

    >>> accepts_null(float | None), accepts_null(float), accepts_null(Any)
    (True, False, True)
    """
    for kind in members(hint):
        literal = get_origin(kind) is Literal
        if (literal and None in get_args(kind)) or (get_origin(kind) is None and not inspect.isclass(kind)):
            return True
        if kind in (Any, object, NoneType):
            return True
    return False
