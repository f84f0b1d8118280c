import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from launcher.runs import process_lock
from launcher.runs.process_lock import ProcessLock, holder

FORK = multiprocessing.get_context("fork")


def _hold(path: Path, ready: object) -> None:
    assert ProcessLock(path).acquire()
    ready.set()  # type: ignore[attr-defined]
    time.sleep(60)


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path, ready = tmp_path / ".lock", FORK.Event()
    process = FORK.Process(target=_hold, args=(path, ready))
    process.start()
    assert ready.wait(20)
    assert holder(path) == f"process {process.pid} on {os.uname().nodename}"
    assert not ProcessLock(path).acquire()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert path.exists()
    assert holder(path) is None
    lock = ProcessLock(path)
    assert lock.acquire()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_forked_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    lock = ProcessLock(path)
    assert lock.acquire()
    child = FORK.Process(target=time.sleep, args=(60,))
    child.start()
    lock.release()
    try:
        assert ProcessLock(path).acquire()
    finally:
        child.kill()
        child.join()


def test_a_lock_is_not_taken_from_another_that_replaced_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / ".lock"
    path.parent.mkdir()
    one, other = ProcessLock(path), ProcessLock(path)
    assert one.acquire()
    path.unlink()  # with its folder, which another process then made anew
    assert other.acquire()
    one.release()
    assert holder(path) is not None


def test_escapes_in_a_lock_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    lock = ProcessLock(path)
    assert lock.acquire()
    path.write_text("\x1b[31mred")
    assert holder(path) == "another process"


@pytest.mark.parametrize("module", [None, "refuses"])
def test_without_locks_everybody_gets_it(module: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".lock"
    if module is None:
        monkeypatch.setattr(process_lock, "fcntl", None)
    else:

        def refuse(descriptor: int, operation: int) -> None:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(process_lock.fcntl, "flock", refuse)
    for lock in (ProcessLock(path), ProcessLock(path)):
        assert lock.acquire()
    assert holder(path) is None
    assert list(tmp_path.iterdir()) == []
