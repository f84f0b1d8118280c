"""Wrong commands, drawn from the parser: each ends in one line, and leaves nothing behind.

More of them: `python -m tests.fuzz --cases 500 --seed 1`.
"""

import os
import subprocess
import sys

import pytest

from tests.tiny import PROJECT

CASES, SEED, SECONDS = 24, 17, 500


@pytest.mark.slow
def test_wrong_commands_end_in_one_line() -> None:
    """In a process of its own: a command that blocks outside Python, where no signal reaches it, is a failure."""
    command = [sys.executable, "-m", "tests.fuzz", "--cases", str(CASES), "--seed", str(SEED), "--verbose"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
