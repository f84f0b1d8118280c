"""Files that are replaced as a whole: a reader finds the old content or the new one, never a part."""

import errno
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from episodic.errors import InputError

#: Age in seconds from which an unfinished file counts as left over from a killed process.
ABANDONED = 3600.0


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file under a temporary name beside it, then rename it.

    The new content reaches the disk before it replaces the old one, so a process that is killed, or a disk that fills
    up, leaves the old file whole. Missing folders are created.

    Args:
        path: of the file to write or to replace.

    Yields:
        The temporary path to write to.

    Raises:
        InputError: the disk is full, or the folder cannot be written to.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['a.txt']
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent, f".{glob.escape(path.name[:200])}.*.tmp")
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
    except OSError as error:
        raise InputError(_complaint(path, error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def replace_text(path: str | Path, text: str) -> None:
    """Replace a file by a text in UTF-8, line ends as they are; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def is_file_name(name: str) -> bool:
    """Whether a text can name a file or folder: one printable name of at most 200 bytes, which `..` is not.

    >>> [is_file_name(name) for name in ("version_0", "a/b", "..", "a\\nb", "x" * 300)]
    [True, False, False, False, False]
    """
    short = 0 < len(name.encode(errors="replace")) <= 200
    return short and name.isprintable() and name not in (".", "..") and not any(c in name for c in "/\\")


def unfinished(folder: Path) -> list[Path]:
    """List the temporary files of `replacing` directly in a folder."""
    return sorted(folder.glob(".*.tmp"))


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove temporary files and folders directly in a folder that a killed process has left over.

    Args:
        folder: to look in; it may be missing.
        pattern: of their names, as for `glob`.
    """
    for path in folder.glob(pattern):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _flush(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to the disk."""
    if os.name != "posix" and path.is_dir():
        return  # only POSIX opens folders
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _complaint(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path} cannot be written: the disk is full; the earlier file, if any, is unchanged"
    return f"{path} cannot be written: {error.strerror or error}"
