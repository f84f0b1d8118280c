"""What a grid's file says to override, as arguments of the command line."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from episodic.errors import require

#: Arguments of the command line, `--name=value` each.
Arguments = tuple[str, ...]
#: What the runner says itself.
RESERVED = ("config", "ckpt_path", "seed_everything", "run.root", "run.name", "run.version")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\+?")


def override_arguments(overrides: Any, where: str) -> Arguments:
    """`{"model.memory.threshold": -1}` as `("--model.memory.threshold=-1",)`.

    With an equals sign, since the command line would take a value such as -1e-3 for an option of its own.

    Raises:
        InputError: it is no mapping, a name is not dotted or the runner's own, a value is a list or a mapping.
    """
    require(overrides is None or isinstance(overrides, dict), f"{where} is {overrides!r}: it must be a mapping")
    return tuple(_argument(name, value, where) for name, value in (overrides or {}).items())


def _argument(name: Any, value: Any, where: str) -> str:
    dotted = isinstance(name, str) and NAME.fullmatch(name) is not None
    require(dotted, f"{where}: {name!r} is no name of an option, such as model.memory.threshold")
    require(name not in RESERVED, f"{where}: {name} is set by the runner and cannot be overridden")
    plain = value is None or isinstance(value, str | int | float)
    require(plain, f"{where}: {name} is {value!r}: it must be text, a number, true, false or null")
    text = value if isinstance(value, str) else yaml.safe_dump(value).splitlines()[0]
    return f"--{name}={text}"


def named_overrides(section: Any, where: str) -> dict[str, Arguments]:
    """A section that gives overrides by name, such as `evaluations`.

    Raises:
        InputError: it is no mapping, a name is no text, or see `override_arguments`.
    """
    require_named(section, where)
    return {name: override_arguments(said, f"{where}, {name!r}") for name, said in section.items()}


def require_named(section: Any, where: str) -> None:
    """A mapping with at least one entry and with text for keys."""
    require(isinstance(section, dict) and bool(section), f"{where} is {section!r}: it must name at least one")
    unnamed: Sequence[Any] = [key for key in section if not isinstance(key, str)]
    require(not unnamed, f"{where}: {next(iter(unnamed), None)!r} has to be text: put it in quotes")
