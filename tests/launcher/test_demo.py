from pathlib import Path

import pytest

from cli import main as cli_main
from launcher import demo
from tests.tiny import CPU, PROJECT, tiny_bandit


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the demo small, run it in this process, and give it an empty folder."""
    numbers = tiny_bandit(tmp_path)[4:]

    def smaller(arguments: list[str]) -> int:
        return cli_main([*arguments, *numbers] if arguments[0] == "fit" else arguments)

    monkeypatch.setattr(demo, "PROJECT", tmp_path)
    monkeypatch.setattr(demo, "command", smaller)
    monkeypatch.setattr(demo, "sources_hash", lambda: "hash")
    (tmp_path / "configs").mkdir()
    (tmp_path / demo.CONFIG).write_text((PROJECT / demo.CONFIG).read_text())
    return tmp_path


def test_the_demo_trains_once_and_reports_every_time(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CPU  # the numbers above keep it on the CPU
    assert demo.demo() == 0
    first = capsys.readouterr().out
    for text in ("this agent (epL2RL)", "ideal observer", "regret_by_exposure.png", "training_curve.png"):
        assert text in first
    last = small / "runs/barcode_bandit/demo_hash/checkpoints/last.ckpt"
    trained = last.stat().st_mtime_ns
    assert demo.demo() == 0
    assert last.stat().st_mtime_ns == trained
    assert "training" not in capsys.readouterr().out.split("player")[0]


def test_the_demo_runs_the_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert demo.command(["fit", "--config", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capfd.readouterr().err


def test_a_demo_broken_off_before_its_first_checkpoint_starts_again(small: Path) -> None:
    leftover = small / "runs/barcode_bandit/demo_hash/config.yaml"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    assert demo.demo() == 0


def test_a_changed_source_is_a_new_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PROJECT", tmp_path)
    for name in ("configs", "episodic"):
        (tmp_path / name).mkdir()
    (tmp_path / demo.CONFIG).write_text("a: 1")
    source = tmp_path / "episodic" / "x.py"
    source.write_text("x = 1")
    before = demo.sources_hash()
    source.write_text("x = 2")
    assert demo.sources_hash() != before
