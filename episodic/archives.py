"""Limits of zip archives that are read into memory."""

import math
import os
import zipfile
from pathlib import Path

from numpy.lib import format as npy

from episodic.errors import require

#: A file of arrays may unfold to so many times its size, and to this many bytes in any case.
LARGEST_RATIO, ALWAYS_ALLOWED = 20, 64_000_000


def require_honest_sizes(path: str | Path, name: str) -> None:
    """Raise `InputError` unless the arrays of an `.npz` file are as large as its headers say, and not too large.

    Nothing is unfolded but the headers.

    Args:
        path: of the file.
        name: what the file is called in a message.

    Raises:
        InputError: an array occurs twice, holds objects, or has another size than its header says; or the file unfolds
            to over 20 times its size and over 64 MB.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        require(len({m.filename for m in members}) == len(members), f"{name} is damaged: an array occurs twice in it")
        total, size = sum(member.file_size for member in members), os.path.getsize(path)
        require(
            total <= max(ALWAYS_ALLOWED, LARGEST_RATIO * size),
            f"{name} is damaged: its {size:,} bytes unfold to {total:,}",
        )
        for member in members:
            _require_honest_header(archive, member, name)


def _require_honest_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file_name: str) -> None:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, kind = read(file)
        header = file.tell()
    array = member.filename.removesuffix(".npy")
    require(not kind.hasobject, f"{file_name} is damaged: {array} holds objects, which are never read")
    honest = min(shape, default=0) >= 0 and math.prod(shape) * kind.itemsize == member.file_size - header
    require(honest, f"{file_name} is damaged: {array} has another size than its header says")
