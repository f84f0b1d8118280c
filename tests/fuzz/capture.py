"""Catches what a command prints."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def captured() -> Iterator[list[str]]:
    """Catch what is written to standard output and standard error, by this process and by what it starts."""
    texts = ["", ""]
    sys.stdout.flush()
    sys.stderr.flush()
    streams, saved = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
        sys.stdout = open(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        sys.stderr = open(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        handlers = _handlers(streams)
        for handler in handlers:
            handler.stream = sys.stderr
        try:
            yield texts
        finally:
            sys.stdout.close()
            sys.stderr.close()
            sys.stdout, sys.stderr = streams
            for handler in handlers:
                handler.stream = sys.stderr
            for number, (file, descriptor) in enumerate(zip((out, err), saved, strict=True)):
                os.dup2(descriptor, number + 1)
                os.close(descriptor)
                file.seek(0)
                texts[number] = file.read().decode("utf-8", errors="backslashreplace")


def _handlers(streams: tuple[Any, ...]) -> list[Any]:
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    return [h for h in handlers if type(h) is logging.StreamHandler and h.stream in streams]
