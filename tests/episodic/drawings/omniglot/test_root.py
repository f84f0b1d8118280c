"""Omniglot is found under its root, by its variable, or downloaded."""

import socket
from pathlib import Path

import pytest
import torchvision

from episodic.drawings.omniglot import root
from episodic.drawings.omniglot.root import find_omniglot, holds_omniglot
from episodic.errors import InputError
from tests.drawing_roots import extracted, one_line


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no OMNIGLOT_ROOT, and no network."""
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)

    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Dataset not found\nor corrupted.\n  You can use download=True")

    monkeypatch.setattr(torchvision.datasets, "Omniglot", refuse)
    return tmp_path


def test_explicit_root_wins(nowhere: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = extracted(generated_omniglot, nowhere / "other")
    monkeypatch.setenv("OMNIGLOT_ROOT", str(generated_omniglot))
    assert find_omniglot(str(other)) == other
    assert find_omniglot(None) == generated_omniglot


def test_variable_helps_where_the_root_is_empty(
    nowhere: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIGLOT_ROOT", str(generated_omniglot))
    assert find_omniglot(str(nowhere / "empty")) == generated_omniglot


def test_half_a_data_set_is_none(nowhere: Path, generated_omniglot: Path) -> None:
    (nowhere / "omniglot-py").mkdir()
    name = "omniglot-py/images_background.zip"
    (nowhere / name).write_bytes((generated_omniglot / name).read_bytes())
    assert holds_omniglot(generated_omniglot)
    assert not holds_omniglot(nowhere)
    with pytest.raises(InputError, match="no Omniglot"):
        find_omniglot(str(nowhere))
    assert (nowhere / name).exists()


def test_none_to_be_had_is_one_helpful_line(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIGLOT_ROOT", "elsewhere")
    with pytest.raises(InputError) as error:
        find_omniglot("here")
    message = one_line(error)
    for words in (
        "--data.root here",
        "OMNIGLOT_ROOT elsewhere",
        "download to here failed",
        "--data.root DIR",
    ):
        assert words in message
    assert not list(nowhere.iterdir())


def test_download_without_a_root_goes_to_data(
    nowhere: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = []

    def fetch(root: str, background: bool, download: bool) -> None:
        timeouts.append(socket.getdefaulttimeout())
        name = f"omniglot-py/images_{'background' if background else 'evaluation'}.zip"
        (Path(root) / "omniglot-py").mkdir(exist_ok=True)
        (Path(root) / name).write_bytes((generated_omniglot / name).read_bytes())

    monkeypatch.setattr(torchvision.datasets, "Omniglot", fetch)
    before = socket.getdefaulttimeout()
    assert find_omniglot(None) == Path("data")
    assert socket.getdefaulttimeout() == before
    assert timeouts == [root.DOWNLOAD_TIMEOUT] * 2
    assert holds_omniglot(nowhere / "data")
    assert find_omniglot(None) == Path("data")
    assert len(timeouts) == 2  # found the second time


def test_half_a_download_is_not_kept(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(root: str, background: bool, download: bool) -> None:
        (Path(root) / "omniglot-py").mkdir()
        (Path(root) / "omniglot-py/images_background.zip").write_bytes(b"PK")
        raise TimeoutError("timed out")

    monkeypatch.setattr(torchvision.datasets, "Omniglot", fetch)
    with pytest.raises(InputError, match="TimeoutError: timed out"):
        find_omniglot(None)
    assert not list(nowhere.iterdir())
    assert socket.getdefaulttimeout() is None
