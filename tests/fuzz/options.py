"""Every option of a command, read from the parser itself, nested classes included."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import Namespace
from jsonargparse._typehints import ActionTypeHint, get_subclass_or_closed_types
from jsonargparse._util import import_object

from launcher.parser import OneLineParser
from launcher.stage_cli import StageCLI


@dataclass(frozen=True)
class Option:
    """An option, such as `model.memory.threshold`.

    Args:
        name: as it stands on the command line, without the dashes.
        path: keys that lead to it in a config file, `init_args` included.
        hint: its type.
        value: what the config says.
    """

    name: str
    path: tuple[str, ...]
    hint: Any
    value: Any

    @property
    def kinds(self) -> frozenset[Any]:
        """The members of its type, unions flattened: `int`, `str`, `None`, a class, `Literal`, `list`, ..."""
        return frozenset(_kinds(self.hint))

    @property
    def classes(self) -> tuple[type, ...]:
        """The base classes whose names it accepts."""
        return get_subclass_or_closed_types(self.hint, callable_return=True) or ()


class _Parsed(BaseException):
    """Carries the command line out of its constructor, before anything is seeded or built."""

    def __init__(self, parser: Any, settings: Namespace) -> None:
        super().__init__()
        self.parser, self.settings = parser, settings


class _ParsedOnly(StageCLI):
    def _set_seed(self) -> None:
        raise _Parsed(self._parser(self.subcommand), self.settings)


def options_of(arguments: list[str]) -> list[Option]:
    """The options of the command that these arguments start, sorted by name."""
    try:
        _ParsedOnly(arguments)
    except _Parsed as parsed:
        options = _walk(parsed.parser, parsed.settings, "", ())
        return sorted({option.name: option for option in options}.values(), key=lambda option: option.name)
    raise AssertionError("the command line was not parsed")


def _walk(parser: Any, settings: Namespace, prefix: str, path: tuple[str, ...]) -> Iterator[Option]:
    for action in parser._actions:
        if isinstance(action, ActionTypeHint) and action.dest in settings:
            option = Option(f"{prefix}{action.dest}", (*path, *action.dest.split(".")), action._typehint, None)
            value = settings[action.dest]
            yield Option(option.name, option.path, option.hint, value)
            yield from _nested(option, value)


def _nested(option: Option, value: Any) -> Iterator[Option]:
    """The options of the class, or the dataclass, that an option holds."""
    if isinstance(value, Namespace) and isinstance(value.get("init_args"), Namespace):
        yield from _walk(
            _parser_of(import_object(value.class_path)), value.init_args, f"{option.name}.", (*option.path, "init_args")
        )
    elif isinstance(value, Namespace) and option.classes and "class_path" not in value:
        yield from _walk(_parser_of(option.classes[0]), value, f"{option.name}.", option.path)


def _parser_of(kind: type) -> OneLineParser:
    """A parser with the arguments of a class."""
    parser = OneLineParser(exit_on_error=False)
    parser.add_class_arguments(kind, fail_untyped=False)
    return parser


def _kinds(hint: Any) -> Iterator[Any]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        for member in get_args(hint):
            yield from _kinds(member)
    elif origin is Literal:
        yield Literal
    elif hint is type(None):
        yield None
    else:
        yield origin or hint
