"""Writing arrays that come in pieces to one `.npz` file, without a copy of the whole in memory."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from episodic.files import replacing

Array = np.ndarray[Any, Any]


def joined_shape(pieces: Sequence[Array]) -> tuple[int, ...]:
    """Return the shape of pieces joined along their first axis.

    >>> joined_shape([np.zeros((2, 3)), np.zeros((4, 3))])
    (6, 3)
    """
    return (sum(len(piece) for piece in pieces), *pieces[0].shape[1:])


def write_npz(path: Path, arrays: Mapping[str, Sequence[Array]], *, compressed: bool) -> None:
    """Write arrays for `np.load`; a reader finds the whole file or none.

    Args:
        path: of the file.
        arrays: pieces of each array along its first axis, or a single array without axes. The pieces of an array have
            the same type and the same other axes.
        compressed: whether to compress the file.

    Raises:
        InputError: the file cannot be written.
    """
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", kind) as archive:
        for name, pieces in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                shape = joined_shape(pieces) if pieces[0].ndim else ()
                header = {"descr": npy.dtype_to_descr(pieces[0].dtype), "fortran_order": False, "shape": shape}
                npy.write_array_header_1_0(member, header)
                for piece in pieces:
                    member.write(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
