"""What the commands share: complaints in one line, exit statuses, and a way out that stops the workers."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from episodic.errors import InputError

INTERRUPTED, TERMINATED = 130, 143  # as of cli.py, whose import would take seconds


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line each."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (--help lists the options)")


def in_one_line(command: Callable[[], int], interrupted: str = "interrupted") -> int:
    """The exit status of a command: its own, 2 for bad input, 130 after Ctrl-C; in one line, on standard error."""
    try:
        return command()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED


def resumable(command: Callable[[], int]) -> int:
    """The same of a command that goes on where it was when it is run again."""
    return in_one_line(command, "interrupted: the same command goes on from here")


@contextmanager
def terminable() -> Iterator[None]:
    """Leave by an exception on SIGTERM too, so that the workers are stopped."""

    def leave(*_: object) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
