"""What the commands share: errors of one line, exit statuses, and an orderly way out."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from episodic.errors import InputError, require

INTERRUPTED, TERMINATED = 130, 143  # as in cli.py, whose import takes seconds
NO_READER = 141  # of a process that SIGPIPE ends
ROOT, RESULTS = Path("runs/experiments"), Path("results")


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line each."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (--help lists the options)")


def one_line(command: Callable[[], int], interrupted: str = "interrupted") -> int:
    """Return the exit status of a command: its own, 2 for invalid input, 130 after Ctrl-C; says why in one line.

    If nobody reads its output any more, as after `| head`, it ends without a word, with 141.
    """
    try:
        status = command()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is written on the way out
        return NO_READER
    except InputError as error:
        print("error: " + "".join(filter(str.isprintable, str(error).replace("\n", " "))), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED


def resumable(command: Callable[[], int]) -> int:
    """Return the same for a command that continues when it is run again."""
    with terminable():
        return one_line(command, "interrupted: run the same command again to continue")


@contextmanager
def terminable() -> Iterator[None]:
    """Leave by an exception on SIGTERM too, so that workers are stopped and results written."""

    def leave(*_: object) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def require_folder(**folders: Path) -> None:
    """Check that each path is a folder, or can become one."""
    for name, path in folders.items():
        there = next(place for place in (path, *path.parents) if place.exists() or place.is_symlink())
        require(there.is_dir(), f"--{name} is {path}: it must be a folder")
