"""Progress of long work, in lines and as a bar."""

import sys

import pytest
from rich.console import Console

from episodic import progress
from episodic.progress import Meter, track


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test moves on."""
    now = [100.0]
    monkeypatch.setattr("episodic.progress.time.monotonic", lambda: now[0])
    return now


def test_quick_work_shows_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(5), "counting", 5, "numbers")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_slow_work_shows_a_line_from_time_to_time(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    for _ in track(range(8), "embedding", 31, "drawings", each=4):
        clock[0] += 3.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "embedding: 4/31 drawings  3 s elapsed, 20 s left"
    assert lines[-1] == "embedding: 31/31 drawings  24 s elapsed"
    assert len(lines) == 3, "after 3, 15 and 24 seconds"


def test_only_the_first_process_shows_it(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    for _ in track(range(8), "embedding", 8, "drawings"):
        clock[0] += 3.0
    assert capsys.readouterr().err == ""


def test_without_rich_there_are_lines(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.terminal.cache_clear()
    monkeypatch.setitem(sys.modules, "rich.console", None)
    for _ in track(range(2), "embedding", 2, "drawings"):
        clock[0] += 3.0
    assert "embedding: 2/2 drawings" in capsys.readouterr().err


def test_two_bars_at_once_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    console = Console(stderr=True, force_terminal=True, width=100)
    monkeypatch.setattr(progress, "terminal", lambda: console)
    outer = Meter("training", 4, "blocks")
    clock[0] += 1.0
    outer.update(1, lambda: "epoch 1/2")
    for _ in track(range(3), "embedding", 3, "drawings"):
        clock[0] += 1.0
    outer.update(4)
    outer.close()
    shown = capsys.readouterr().err
    for text in ("training", "1/4", "blocks", "epoch 1/2", "embedding", "3/3", "drawings", "4/4"):
        assert text in shown
