"""Command lines as processes of their own."""

import os
import socket
import subprocess
import sys

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
