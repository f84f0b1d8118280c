import os
import shutil
import subprocess
from pathlib import Path

import pytest

from experiments.revision import source_revision

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one commit, whatever git may be told about another by its environment."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "results").mkdir()
    for name in ("code.py", "results/some.csv"):
        (tmp_path / name).write_text("1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=a")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_changed_source_is_dirty(project: Path) -> None:
    commit = git(project, "rev-parse", "--short", "HEAD").strip()
    assert source_revision(project) == commit
    (project / "notes").touch()
    assert source_revision(project) == commit
    (project / "code.py").write_text("2")
    assert source_revision(project) == f"{commit}-dirty"


def test_the_results_themselves_do_not_count(project: Path) -> None:
    clean = source_revision(project)
    (project / "results" / "some.csv").write_text("2")
    assert source_revision(project) == f"{clean}-dirty"
    assert source_revision(project, results=project / "results") == clean
    assert source_revision(project, results=project.parent) == f"{clean}-dirty"


def test_without_git_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    elsewhere = tmp_path / "none"
    assert source_revision(elsewhere) == "unknown"
    monkeypatch.setenv("PATH", "")
    assert source_revision(project) == "unknown"
