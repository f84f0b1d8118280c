"""A cache of decoded drawings: one file for each source and image size."""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from episodic.drawings.cache_folder import mark_cache_folder
from episodic.drawings.omniglot.listing import Member
from episodic.errors import InputError
from episodic.files import replacing

#: Changes whenever the same drawings would be decoded to other pixels.
CACHE_FORMAT = "2"


def fingerprint(source: Path, members: Sequence[Member]) -> str:
    """Hash the names, sizes and checksums (in a folder: times of change) of a source's drawings."""
    kind = "folder" if source.is_dir() else "archive"
    lines = [f"{member.name}\t{member.size}\t{member.stamp}" for member in members]
    return hashlib.sha256("\n".join([CACHE_FORMAT, kind, *lines]).encode()).hexdigest()


def cache_file(folder: Path, source: Path, size: int, origin: str) -> Path:
    """Return the path of a source's cache file; two copies of the data set have a file each.

    >>> cache_file(Path("cache"), Path("images_background.zip"), 28, "0123456789abcdef0123").name
    'images_background-28-0123456789abcdef.npz'
    """
    return folder / f"{source.stem}-{size}-{origin[:16]}.npz"


def read_cache(path: Path, origin: str, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the cached drawings; None if there are none or the file is not what was stored.

    Args:
        path: Cache file.
        origin: Expected fingerprint of the source.
        shape: Expected shape `(N, S, S)`.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            images, digest = stored["images"], str(stored["sha256"])
            stored_origin = str(stored["fingerprint"])
    except Exception:  # decoding again repairs any fault of a cache file
        return None
    sound = images.dtype == np.uint8 and images.shape == shape and stored_origin == origin
    return images if sound and digest == _digest(images) else None


def write_cache(path: Path, origin: str, images: NDArray[np.uint8]) -> None:
    """Store drawings with the fingerprint of their source; warn if the folder cannot be written to.

    Several processes may write at once. A reader never sees an incomplete file.
    """
    try:
        with replacing(path) as temporary, temporary.open("xb") as file:
            np.savez(file, images=images, sha256=np.array(_digest(images)), fingerprint=np.array(origin))
        mark_cache_folder(path.parent)
    except InputError as error:
        warnings.warn(
            f"{error}; drawings are decoded each time: --data.cache_dir names another folder for them", stacklevel=2
        )


def _digest(images: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
