"""Checks of a checkpoint file before and after it is read: no code, and no more memory than the file is large."""

import os
import pickletools
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from episodic.errors import InputError, require

#: What the pickle of a checkpoint may name: tensors, their types and dictionaries.
GLOBALS = re.compile(
    r"collections (OrderedDict|Counter)|builtins (set|complex)|torch\._utils _rebuild_(tensor_v2|parameter)"
    r"|torch (Size|device|[A-Z]\w*Storage)|torch (b?float|u?int|complex|bool)\w*"
)
#: The largest pickle in bytes: names and plain data, without the tensors' numbers.
LARGEST_PICKLE = 64_000_000
#: Tensors may share memory, but the same numbers count at most so many times.
SHARED = 4
#: The last record of a zip archive, 22 bytes long if no comment follows it.
END, END_LENGTH = b"PK\x05\x06", 22


def require_plain_file(path: Path) -> None:
    """Raise `InputError` unless a file is a checkpoint as torch writes it, of tensors and plain data.

    Torch stores everything uncompressed, so what the file holds is no larger than the file.
    """
    damaged = f"checkpoint {path} is damaged or is not a checkpoint"
    try:
        if not _is_archive(path):
            require(not _is_bare_pickle(path), _names_code(path))
            raise InputError(damaged)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _require_stored(members, os.path.getsize(path), damaged)
            pickles = [member for member in members if member.filename.endswith("/data.pkl")]
            require(len(pickles) == 1 and pickles[0].file_size <= LARGEST_PICKLE, damaged)
            data = archive.read(pickles[0])
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(damaged) from error
    _require_plain_pickle(data, path, damaged)


def _require_stored(members: list[zipfile.ZipInfo], size: int, damaged: str) -> None:
    stored = all(m.compress_type == zipfile.ZIP_STORED and m.compress_size == m.file_size for m in members)
    apart = len({member.filename for member in members}) == len(members)
    require(stored and apart and sum(member.file_size for member in members) <= size, damaged)


def _require_plain_pickle(data: bytes, path: Path, damaged: str) -> None:
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "GLOBAL":
                require(bool(GLOBALS.fullmatch(str(argument))), _names_code(path))
            else:
                require(not opcode.name.endswith(("GLOBAL", "INST", "OBJ")) and "EXT" not in opcode.name, damaged)
    except InputError:
        raise
    except Exception as error:  # the exceptions that damaged bytes cause have no common base
        raise InputError(damaged) from error


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip archive that ends as torch ends them, so that every reader finds the same content."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, os.path.getsize(path) - END_LENGTH))
        end = file.read(END_LENGTH)
    return start == b"PK\x03\x04" and end.startswith(END) and end.endswith(b"\0\0")


def _is_bare_pickle(path: Path) -> bool:
    """Whether a file is a bare pickle that names a class or a function, without loading it."""
    if os.path.getsize(path) > LARGEST_PICKLE:
        return False
    try:
        return any("GLOBAL" in opcode.name for opcode, _, _ in pickletools.genops(path.read_bytes()))
    except Exception:  # not a pickle at all
        return False


def _names_code(path: Path) -> str:
    return (
        f"checkpoint {path} holds more than tensors and plain data: it is not read, because reading it would run its "
        "code"
    )


def require_stored_tensors(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Raise `InputError` if a checkpoint's tensors are larger than the numbers that are stored for them."""
    damaged = f"checkpoint {path} is damaged: its tensors are larger than what is stored of them"
    waiting: list[Any] = [checkpoint]
    seen: set[int] = set()
    total, stored = 0, dict[int, int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        if isinstance(value, Tensor):
            require(value.layout is torch.strided and value.device.type == "cpu", damaged)
            storage = value.untyped_storage()
            size = value.numel() * value.element_size()
            require(size <= storage.nbytes(), damaged)
            total += size
            stored[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, Mapping | list | tuple | set):
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, Mapping) else value)
    require(total <= SHARED * sum(stored.values()) + 1_000_000, damaged)
