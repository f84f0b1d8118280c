"""A lock that one process holds at a time, as a file that is there while the lock is held.

The kernel releases the lock of a process that dies. The remaining file has no meaning, and the next holder
takes it over.
"""

import importlib
import importlib.util
import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

#: The module of POSIX locks; on Windows it does not exist, and nothing is locked.
fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None

#: Seconds for which a lock must stay taken to count as held: a look at a lock takes it for an instant.
PATIENCE = 0.3
#: Text in a lock's file.
HOLDER = re.compile(r"process \d{1,10} on [\w.-]{1,80}")
_held: set["ProcessLock"] = set()


class ProcessLock:
    """Lock that other processes respect, on file systems that know locks; elsewhere every process gets it.

    Args:
        path: of the lock's file.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / ".lock"
    ...     lock, other = ProcessLock(path), ProcessLock(path)
    ...     lock.acquire(), other.acquire(), holder(path) is None
    ...     lock.release()
    ...     holder(path), path.exists()
    (True, False, False)
    (None, False)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; return whether this process has it now.

        Raises:
            OSError: the file cannot be made.
        """
        if fcntl is None:
            return True
        deadline = time.monotonic() + PATIENCE
        while not self._try():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def release(self) -> None:
        """Give the lock back, if this process has it."""
        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        if descriptor is not None:
            with suppress(OSError):
                if self._is_current(descriptor):
                    self.path.unlink()
            os.close(descriptor)

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:  # a file system without locks
            os.close(descriptor)
            self.path.unlink(missing_ok=True)
            return True
        if not self._is_current(descriptor):
            os.close(descriptor)
            return False
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        self._descriptor = descriptor
        _held.add(self)
        return True

    def _is_current(self, descriptor: int) -> bool:
        """Whether the file is still the opened one: its last holder removes it."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False


def holder(path: Path) -> str | None:
    """Describe the process that holds the lock at a path, such as "process 12 on pc"; None if there is none.

    A lock in a folder that this process may only read can be looked at, too.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 200).decode(errors="replace")
        return text if HOLDER.fullmatch(text) else "another process"
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(descriptor)
    return None


def _forget() -> None:
    """Close what a forked process has inherited, or a lock would outlive the process that took it."""
    for lock in list(_held):
        if lock._descriptor is not None:
            os.close(lock._descriptor)
        lock._descriptor = None
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
