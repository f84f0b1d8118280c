import shutil
from pathlib import Path

import pytest

from experiments.revision import source_revision
from tests.repository import commit_all, git, without_git_variables

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one commit."""
    without_git_variables(monkeypatch)
    (tmp_path / "results").mkdir()
    for name in ("code.py", "report.md", "results/some.csv"):
        (tmp_path / name).write_text("1")
    commit_all(tmp_path)
    return tmp_path


def test_a_changed_source_is_dirty(project: Path) -> None:
    commit = git(project, "rev-parse", "--short", "HEAD").strip()
    assert source_revision(project) == commit
    (project / "notes").touch()
    assert source_revision(project) == commit
    (project / "code.py").write_text("2")
    assert source_revision(project) == f"{commit}-dirty"


def test_what_is_made_does_not_count(project: Path) -> None:
    clean = source_revision(project)
    (project / "results" / "some.csv").write_text("2")
    assert source_revision(project) == f"{clean}-dirty"
    assert source_revision(project, [project / "results"]) == clean
    for useless in (project, project.parent, project / "report.md"):
        assert source_revision(project, [useless]) == f"{clean}-dirty"
    (project / "report.md").write_text("2")
    assert source_revision(project, [project / "results"]) == f"{clean}-dirty"
    assert source_revision(project, [project / "results", project / "report.md", project / "none.md"]) == clean


def test_without_git_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    elsewhere = tmp_path / "none"
    assert source_revision(elsewhere) == "unknown"
    monkeypatch.setenv("PATH", "")
    assert source_revision(project) == "unknown"
