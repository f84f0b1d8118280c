"""Which sources a figure comes from."""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def source_revision(project: Path = PROJECT, results: Path | None = None) -> str:
    """The short hash of the commit, with `-dirty` where tracked files differ from it; `unknown` without git.

    The runner's own `results`, which it rewrites all the time, do not count.
    """
    inside = results is not None and results.resolve().is_relative_to(project) and results.resolve() != project
    but = [f":(exclude,top){results.resolve().relative_to(project).as_posix()}"] if results and inside else []
    try:
        revision = _git(project, "rev-parse", "--short", "HEAD").strip()
        changed = _git(project, "status", "--porcelain", "--untracked-files=no", "--", ".", *but)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{revision}-dirty" if changed.strip() else revision


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(project), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
