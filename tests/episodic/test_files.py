"""Files that are replaced as a whole."""

import errno
import os
from pathlib import Path

import pytest

from episodic import files
from episodic.errors import InputError
from episodic.files import replace_text, replacing, unfinished


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    replace_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    replace_text(path, "old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "Permission denied")]
)
def test_errors_of_the_disk_are_one_line(tmp_path: Path, number: int, expected: str) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(InputError, match=expected), replacing(path):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


def test_only_abandoned_files_of_the_same_name_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".a.txt.1.tmp", ".b.txt.1.tmp"):
        (tmp_path / name).write_text("half")
    replace_text(tmp_path / "a.txt", "new")
    assert len(unfinished(tmp_path)) == 2  # they may belong to a process that is still writing
    monkeypatch.setattr(files, "ABANDONED", -1.0)
    replace_text(tmp_path / "a.txt", "newer")
    assert [path.name for path in unfinished(tmp_path)] == [".b.txt.1.tmp"]
