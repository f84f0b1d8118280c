"""The revision of the sources that a result comes from."""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def source_revision(project: Path = PROJECT) -> str:
    """Return the short hash of the commit, with `-dirty` if a tracked source differs; `unknown` without git.

    Sources are Python files. A config's content is part of a run's identity, and results are made by runs.
    """
    try:
        revision = _git(project, "rev-parse", "--short", "HEAD").strip()
        changed = _git(project, "status", "--porcelain", "--untracked-files=no", "--", "*.py")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{revision}-dirty" if changed.strip() else revision


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(project), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
