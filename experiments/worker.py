"""A process that carries out one job after another, and imports the project once for all of them."""

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TextIO

from episodic.errors import InputError
from experiments.attempt import carry_out
from experiments.job import Job
from experiments.record import is_done, log_path, read_record


class Outcome(NamedTuple):
    """How a job ended: exit status, the last line of its log where it failed, seconds that it took.

    `locked`: it was not begun, since another process is at it.
    """

    status: int
    message: str
    seconds: float
    locked: bool = False


def work(connection: "Connection[Outcome, tuple[Job, str] | None]") -> None:
    """Take (job, revision) after (job, revision) from the connection and answer each with its outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the runner's to act on
    threading.Thread(target=_follow_the_runner, daemon=True).start()
    while (order := connection.recv()) is not None:
        connection.send(execute(*order))


def _follow_the_runner() -> None:
    """End at once where the runner was killed: whoever starts it again would work in the same folders."""
    if (runner := multiprocessing.parent_process()) is not None:
        runner.join()
        os._exit(1)


def execute(job: Job, revision: str) -> Outcome:
    """Carry a job out with all output in its log, unless another process has done it in the meantime."""
    begun, path = time.monotonic(), log_path(job.run)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return Outcome(1, "another runner is at work on it", 0.0, locked=True)
        if is_done(job) and (record := read_record(job)) is not None:
            return Outcome(0, "", record.seconds)
        status = _logged(job, revision, log)
        fcntl.flock(log, fcntl.LOCK_UN)
    message = last_line(path) or f"exit status {status}"
    return Outcome(status, message if status else "", time.monotonic() - begun)


def _logged(job: Job, revision: str, log: TextIO) -> int:
    for stream in (1, 2):  # the streams themselves, so that what libraries hold on to goes there too
        os.dup2(log.fileno(), stream)
    try:
        import torch  # as late as this, so that what goes wrong stands in a log

        from cli import main

        torch.set_num_threads(1)  # the job before may have asked for more
        return carry_out(job, revision, main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
