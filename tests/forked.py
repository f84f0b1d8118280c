"""Trainings in processes that are forked from one which has imported everything: they start at once."""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["cli"])

#: Seconds after which a training hangs.
LONG = 300.0


class Death(NamedTuple):
    """A training kills itself while it writes a checkpoint."""

    checkpoint: int  # number of the checkpoint, from 0
    share: float  # of the file that is written by then


def start(
    arguments: Sequence[str], log: Path, temporary: Path | None = None, death: Death | None = None
) -> BaseProcess:
    """Start a command; its output is appended to a file.

    Args:
        arguments: of the command line.
        log: file of the output.
        temporary: folder for temporary files; None is the usual one.
        death: when the process kills itself; None leaves it alive.
    """
    process = SERVER.Process(target=_run, args=(list(arguments), str(log), temporary and str(temporary), death))
    process.start()
    return process


def finish(process: BaseProcess, log: Path, status: int = 0) -> None:
    """Wait for a command to end with a status."""
    process.join(LONG)
    assert process.exitcode == status, f"status {process.exitcode}: {log.read_text()[-2000:]}"


def _run(arguments: list[str], log: str, temporary: str | None, death: Death | None) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.environ["OMP_NUM_THREADS"] = "1"
    if temporary is not None:
        os.environ["TMPDIR"], tempfile.tempdir = temporary, None
    if death is not None:
        _die_while_writing(death)
    from cli import main

    sys.exit(main(arguments))


def _die_while_writing(death: Death) -> None:
    write: Any = Path.write_bytes
    written = 0

    def dying(path: Path, content: Any) -> int:
        nonlocal written
        if ".ckpt." in path.name:
            written += 1
            if written > death.checkpoint:
                write(path, bytes(content)[: int(death.share * len(content))])
                os.kill(os.getpid(), signal.SIGKILL)
        return int(write(path, content))

    Path.write_bytes = dying  # type: ignore[method-assign, assignment]
