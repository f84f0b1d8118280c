"""The parts of a config: options whose value is a class, such as `--model`, `--data.task` or `--model.core`."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints, is_typeddict

from pytorch_lightning import LightningDataModule, LightningModule, Trainer

from callbacks.checkpoints import RunCheckpoint
from launcher import short_names
from launcher.help.known_classes import descendants, is_own
from launcher.runs.run_folder import RunSettings

#: Modules whose classes are values rather than parts.
VALUES = ("builtins", "typing", "datetime", "pathlib", "types")


class Part(NamedTuple):
    """What a part takes.

    Args:
        bases: a value is an object of one of these classes.
        given: number of leading arguments that the program gives, if the part is a factory.
        default: the class that stands there if a config says nothing.
        fixed: whether it is always that class.
    """

    bases: tuple[type, ...]
    given: int = 0
    default: type | None = None
    fixed: bool = False


VARIABLE, OTHERS = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD  # *args, **kwargs

#: The sections of a config.
SECTIONS = {
    "model": Part((LightningModule,)),
    "data": Part((LightningDataModule,)),
    "trainer": Part((Trainer,), default=Trainer, fixed=True),
    "checkpoint": Part((RunCheckpoint,), default=RunCheckpoint, fixed=True),
    "run": Part((RunSettings,), default=RunSettings, fixed=True),
}


def arguments_of(kind: type) -> dict[str, Any]:
    """The types of a constructor's arguments, and of the base's if the constructor passes others on.

    >>> from datamodules import OmniglotBanditDataModule
    >>> arguments_of(OmniglotBanditDataModule)["test_blocks"]
    <class 'int'>
    """
    types: dict[str, Any] = {}
    for base in (base for base in kind.__mro__[:-1] if "__init__" in vars(base)):
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        named = {parameter.name for parameter in parameters if parameter.kind not in (VARIABLE, OTHERS)}
        with suppress(NameError, TypeError):  # types that are imported for type checkers only
            hints = get_type_hints(base.__init__)  # type: ignore[misc]
            types = {name: hint for name, hint in hints.items() if name in named} | types
        if not any(parameter.kind == OTHERS for parameter in parameters):
            break
    return types


def part_of(kind: type, name: str) -> Part | None:
    """What an argument of a class takes, if it takes a class.

    >>> from episodic.agents import Keys
    >>> part_of(Keys, "embedder").bases[0].__name__, part_of(Keys, "source")
    ('StateEmbedderConfig', None)
    """
    factories = list(_factories(arguments_of(kind)[name]))
    if not factories:
        return None
    bases = tuple(base for base, _ in factories)
    default = _default_of(kind, name)
    standing = default if inspect.isclass(default) else type(default)
    fixed = len(bases) == 1 and is_own(bases[0]) and not inspect.isabstract(bases[0]) and not descendants(bases[0])
    takes = issubclass(standing, bases)
    return Part(bases, max(given for _, given in factories), standing if takes else bases[0] if fixed else None, fixed)


def _factories(hint: Any) -> Iterator[tuple[type, int]]:
    """The classes in a type, each with the number of arguments that the program gives to it."""
    arguments = get_args(hint)
    if get_origin(hint) is Callable and isinstance(arguments[0], list):
        for kind, _ in _factories(arguments[-1]):
            yield kind, len(arguments[0])
    elif arguments:
        for argument in arguments:
            yield from _factories(argument)
    elif inspect.isclass(hint) and hint.__module__ not in VALUES and not is_typeddict(hint):
        yield hint, 0


def _default_of(kind: type, name: str) -> Any:
    for base in kind.__mro__:
        parameter = inspect.signature(base).parameters.get(name)
        if parameter is not None:
            return parameter.default
    return None


def classes_of(part: Part) -> list[type]:
    """The classes that a part takes, as far as they are imported: the project's first, then those of libraries.

    Of the project's, those with a short name for configs; if there are none, all.
    """
    everything = {kind for base in part.bases for kind in (base, *descendants(base))}
    concrete = {kind for kind in everything if not inspect.isabstract(kind) and not _is_hidden(kind, part)}
    own = {kind for kind in concrete if is_own(kind)}
    named = {kind for kind in own if kind.__name__ in short_names.__all__}
    return sorted((named or own) | (concrete - own), key=lambda kind: (not is_own(kind), kind.__name__))


def _is_hidden(kind: type, part: Part) -> bool:
    internal = kind.__name__.startswith("_") or "._" in kind.__module__ or kind.__module__.startswith("launcher.")
    return not part.fixed and (internal or (kind in part.bases and not is_own(kind)))


def class_named(name: str, part: Part) -> type | None:
    """The class with a short name or an import path that a part accepts; None if there is none."""
    everything = {kind for base in part.bases for kind in (base, *descendants(base))}
    kind: Any = next((known for known in everything if known.__name__ == name), None)
    if kind is None and "." in name:
        module, _, attribute = name.rpartition(".")
        with suppress(ImportError, AttributeError, ValueError):
            kind = getattr(importlib.import_module(module), attribute)
    return kind if inspect.isclass(kind) and issubclass(kind, part.bases) else None
