"""Command lines as processes of their own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.tiny import PROJECT


def free_port() -> int:
    """A port that nobody uses; `random` would give the same one to tests that run side by side, since runs seed it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, str(PROJECT / "cli.py"), *arguments]
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process to end well; what it printed."""
    with none_left(process):
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    return output


@contextmanager
def none_left(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process, and all that it has started, with the context, if they have not ended by then."""
    started = psutil.Process(process.pid)
    try:
        yield
    except BaseException:
        left = [*started.children(recursive=True), started] if started.is_running() else []
        for each in left:
            each.kill()
        raise


def interruptible() -> None:
    """Let a process be interrupted also where this one ignores that, as a background job does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
