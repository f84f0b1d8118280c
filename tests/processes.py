"""Command lines as processes of their own."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

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
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    return output


def kill_after_first_checkpoint(process: subprocess.Popen[str], last: Path, within: float) -> None:
    """SIGKILL a training at a random moment after it has left a checkpoint newer than now."""
    before = last.stat().st_mtime_ns if last.exists() else 0
    deadline = time.monotonic() + 120
    while not (last.exists() and last.stat().st_mtime_ns > before):
        assert process.poll() is None, f"the training ended before it was killed: {process.communicate()[0]}"
        assert time.monotonic() < deadline, "no checkpoint within two minutes"
        time.sleep(0.005)
    time.sleep(random.uniform(0, within))
    process.send_signal(signal.SIGKILL)
    process.communicate()
