"""Commands that run at the same moment lose nothing."""

import subprocess
import sys
from pathlib import Path

from tests.tiny import PROJECT


def test_five_trainings_at_once_have_five_folders(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.simultaneous", str(tmp_path), "--rounds", "1"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "5 folders, all complete" in result.stdout
