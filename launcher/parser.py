"""A command-line parser whose errors are one line each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import yaml
from jsonargparse import Namespace
from lightning_utilities.core.enums import StrEnum
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import Logger

from episodic.errors import InputError
from launcher.class_defaults import keep_given_options_alone
from launcher.errors.known_options import (
    accepts_null,
    class_names,
    members,
    option_names,
    suggestion,
    whole_numbers_first,
)
from launcher.errors.yaml_text import refuse_bad_yaml
from launcher.help.formatter import CommandFormatter
from launcher.loggers.making import leave_folder_open
from launcher.messages import one_line

refuse_bad_yaml()
keep_given_options_alone()
# The defaults of some callbacks, such as Timer's, are members of enumerations: config.yaml holds their values.
yaml.SafeDumper.add_multi_representer(StrEnum, lambda dumper, member: dumper.represent_str(str(member.value)))


class OneLineParser(LightningArgumentParser):
    """A parser with one-line errors that suggest the right name for a misspelt one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": CommandFormatter, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        line = one_line(message, class_names(self, message))
        raise InputError(one_line(line + suggestion(self, message))) from ex

    def add_class_arguments(self, theclass: Any, *others: Any, **options: Any) -> Any:
        """As in the base class; a logger's folder is optional (`launcher.loggers`), `1` a whole number."""
        added = super().add_class_arguments(theclass, *others, **options)
        for action in self._actions:
            if hasattr(action, "_typehint"):
                action._typehint = whole_numbers_first(action._typehint)
        if isinstance(theclass, type) and issubclass(theclass, Logger):
            leave_folder_open(self)
        return added

    def parse_args(self, args: Any = None, *others: Any, **options: Any) -> Any:
        """As in the base class; within a part jsonargparse writes a null of the command line as `--name=None`."""
        if args is not None:
            args = [f"{part.removesuffix('None')}null" if _is_none(part) else part for part in args]
        try:
            parsed = super().parse_args(args, *others, **options)
            self._refuse_nulls(parsed)
        except InputError as error:
            raise _with_whole_name(error, args or ()) from error
        return parsed

    def parse_object(self, cfg_obj: Any, *others: Any, **options: Any) -> Any:
        """As in the base class, which lets an unknown name pass whose value is an empty mapping."""
        if isinstance(cfg_obj, Mapping | Namespace):
            names = set(option_names(self))
            for name, value in _items(cfg_obj):
                known = name in names or any(other.startswith(f"{name}.") for other in names)
                if not known and isinstance(value, Mapping | Namespace) and not list(_items(value)):
                    self.error(f"Option '{name}' is not accepted")
        parsed = super().parse_object(cfg_obj, *others, **options)
        self._refuse_nulls(parsed)
        return parsed

    def _refuse_nulls(self, settings: Namespace) -> None:
        """Refuse a null that an option's type leaves out; jsonargparse takes it for an option that is not given."""
        for action in self._actions:
            if isinstance(action.choices, dict):  # of commands
                for command, parser in action.choices.items():
                    if isinstance(settings.get(command), Namespace):
                        parser._refuse_nulls(settings[command])
            elif action.dest in settings and settings[action.dest] is None and action.default is not None:
                hint = getattr(action, "_typehint", None)
                if hint is not None and not accepts_null(hint):
                    kinds = "\n".join(f"Expected a {kind}. Got value: null" for kind in members(hint))
                    self.error(f'Parser key "{action.dest}":\n{kinds}')


def _with_whole_name(error: InputError, arguments: Sequence[str]) -> InputError:
    """The error with the name of the option that has no value; argparse knows only the beginning of the name."""
    lacking = re.fullmatch(r"(?:--)?(\w+) needs a value", str(error))
    if lacking is None:
        return error
    followed = zip(arguments, [*arguments[1:], "--"], strict=True)
    names = [one for one, other in followed if one.startswith(f"--{lacking.group(1)}") and other.startswith("--")]
    return InputError(f"{names[-1]} needs a value") if names else error


def _is_none(argument: Any) -> bool:
    """Whether an argument is an option that is set to None."""
    return isinstance(argument, str) and argument.startswith("--") and argument.endswith("=None")


def _items(values: Mapping[str, Any] | Namespace) -> Iterator[tuple[str, Any]]:
    yield from (vars(values) if isinstance(values, Namespace) else values).items()
