"""One-line errors for files that are damaged or not permitted."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from episodic.errors import InputError

#: Raised by PIL, zipfile and the file system for a file with unexpected content.
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    Image.DecompressionBombError,
)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn any error that a damaged file raises into an `InputError` that names the file.

    >>> with readable("a.png"):
    ...     raise EOFError("no end")
    Traceback (most recent call last):
    episodic.errors.InputError: a.png cannot be read (EOFError: no end): it is damaged or not permitted; replace it
    """
    try:
        yield
    except UNREADABLE as error:
        raise InputError(
            f"{name} cannot be read ({summary(error)}): it is damaged or not permitted; replace it"
        ) from error


def summary(error: BaseException) -> str:
    """Describe an error in one line of at most 200 characters.

    >>> summary(ValueError("two\\nlines"))
    'ValueError: two lines'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
