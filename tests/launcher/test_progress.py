from pathlib import Path
from typing import Any

import pytest

from launcher.runs.process_lock import ProcessLock
from launcher.runs.progress import newest, shortfall, trained_runs
from tests.launcher.fake_runs import leave_run


def stopping(**state: int) -> dict[str, Any]:
    """Entries of a checkpoint of a training with EarlyStopping."""
    return {"callbacks": {"EarlyStopping": state}}


@pytest.mark.parametrize(
    ("epochs", "limits", "entries", "expected"),
    [
        (2, {}, {}, None),
        (1, {}, {}, "has 1 of 2 epochs"),
        (1, {"max_epochs": -1, "max_steps": 30}, {}, "has 10 of 30 steps"),
        (3, {"max_epochs": 9, "max_steps": 30}, {}, None),
        (1, {"max_epochs": 9, "max_steps": 30}, {}, "has 1 of 9 epochs and 10 of 30 steps"),
        (1, {"max_epochs": None}, {}, None),
        (1, {}, stopping(stopped_epoch=1), None),
        (1, {}, stopping(stopped_epoch=0, wait_count=3, patience=3), None),
        (1, {}, stopping(stopped_epoch=0, wait_count=2, patience=3), "has 1 of 2 epochs"),
    ],
)
def test_what_a_training_lacks(
    epochs: int, limits: dict[str, Any], entries: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    run = leave_run(tmp_path, "a", "x", epochs=epochs, **entries)
    text = run.config.read_text()
    for name, value in limits.items():
        lines = [line for line in text.splitlines() if f" {name}:" not in line]
        text = "\n".join(lines).replace("trainer:", f"trainer:\n  {name}: {'null' if value is None else value}")
    run.config.write_text(text)
    assert shortfall(run) == expected


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    run = leave_run(tmp_path, "a", "x", epochs=1)
    run.config.write_text("[")
    assert shortfall(run) is None  # how long it was to be is not known
    run.last.write_bytes(b"half")
    assert shortfall(run) == "has a damaged last.ckpt"


def test_the_newest_finished_run_that_nobody_writes_to(tmp_path: Path) -> None:
    leave_run(tmp_path, "a", "oldest", age=4)
    finished = leave_run(tmp_path, "a", "finished", age=3)
    leave_run(tmp_path, "a", "broken_off", epochs=1, age=2)
    used = leave_run(tmp_path, "a", "used", age=1)
    lock = ProcessLock(used.lock)
    assert lock.acquire()
    runs = trained_runs(tmp_path / "a")
    assert [run.version for run in runs] == ["used", "broken_off", "finished", "oldest"]
    run, reasons = newest(runs)
    assert run == finished
    assert reasons.startswith("used is in use by process ")
    assert reasons.endswith("; broken_off has 1 of 2 epochs")
    lock.release()
    assert newest(runs) == (used, "")
    assert newest([]) == (None, "")
