"""Which sources a figure comes from."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def source_revision(project: Path = PROJECT, outputs: Iterable[Path] = ()) -> str:
    """The short hash of the commit, with `-dirty` where tracked files differ from it; `unknown` without git.

    Files and folders that are made, `outputs`, do not count.
    """
    made = [path.resolve() for path in outputs]
    inside = [path.relative_to(project) for path in made if path.is_relative_to(project) and path != project]
    but = [f":(exclude,top){path.as_posix()}" for path in inside]
    try:
        revision = _git(project, "rev-parse", "--short", "HEAD").strip()
        changed = _git(project, "status", "--porcelain", "--untracked-files=no", "--", ".", *but)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{revision}-dirty" if changed.strip() else revision


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(project), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
