"""A command-line parser whose errors are one line each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import Logger

from episodic.errors import InputError
from launcher.help_formatter import CommandFormatter
from launcher.loggers import leave_folder_open
from launcher.messages import one_line


class OneLineParser(LightningArgumentParser):
    """A parser whose complaints are one line each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": CommandFormatter, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise InputError(one_line(message)) from ex

    def add_class_arguments(self, theclass: Any, *others: Any, **options: Any) -> Any:
        """As in the base class; a logger's folder is optional, see `launcher.loggers`."""
        added = super().add_class_arguments(theclass, *others, **options)
        if isinstance(theclass, type) and issubclass(theclass, Logger):
            leave_folder_open(self)
        return added

    def parse_args(self, args: Any = None, *others: Any, **options: Any) -> Any:
        """As in the base class; within a part jsonargparse writes a null of the command line as `--name=None`."""
        if args is not None:
            args = [f"{part.removesuffix('None')}null" if _is_none(part) else part for part in args]
        return super().parse_args(args, *others, **options)


def _is_none(argument: Any) -> bool:
    """Whether an argument is an option that is set to None."""
    return isinstance(argument, str) and argument.startswith("--") and argument.endswith("=None")


@contextmanager
def one_line_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn exceptions of these kinds, which here come from what the user gave, into an `InputError` of one line."""
    try:
        yield
    except InputError:
        raise
    except kinds as error:
        raise InputError(one_line(str(error))) from error
