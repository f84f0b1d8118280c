"""The drawings and classes of Omniglot's parts, listed and counted without decoding."""

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from episodic.drawings.omniglot.damage import readable
from episodic.drawings.omniglot.root import FOLDER, PARTS, part_source
from episodic.errors import InputError, require, require_choice


class Counts(NamedTuple):
    """Expected content of a part."""

    classes: int
    alphabets: int
    drawings: int  # of each class


OFFICIAL: Mapping[str, Counts] = {
    "background": Counts(classes=964, alphabets=30, drawings=20),
    "evaluation": Counts(classes=659, alphabets=20, drawings=20),
}


#: Steps in the path of a drawing, and its largest size in bytes; those of Omniglot have about 200.
DEPTH, LARGEST_FILE = 4, 1_000_000


class Member(NamedTuple):
    """One PNG file of a part."""

    path: tuple[str, ...]  # images_background, alphabet, character, file
    size: int  # bytes
    stamp: int  # an archive's CRC32, or a file's time of change in ns

    @property
    def name(self) -> str:
        return "/".join(self.path)

    @property
    def class_name(self) -> str:
        return "/".join(self.path[1:3])


def list_classes(root: Path, part: str, *, expected: Mapping[str, Counts] = OFFICIAL) -> list[str]:
    """Return the sorted names of a part's classes, such as `Latin/character01`.

    Args:
        root: Folder that holds `omniglot-py/`.
        part: `background` or `evaluation`.
        expected: Expected content by part; a part without an entry is not counted.

    Raises:
        InputError: The part is missing, damaged, or does not have the expected content.
    """
    _, members = list_part(root, part, expected)
    return list(dict.fromkeys(member.class_name for member in members))


def list_part(root: Path, part: str, expected: Mapping[str, Counts] = OFFICIAL) -> tuple[Path, list[Member]]:
    """Return a part's archive or folder and its drawings, sorted; see `list_classes` for arguments and errors."""
    require_choice("part", part, PARTS)
    source = part_source(root, part)
    if source is None:
        raise InputError(f"no images_{part}.zip in {root / FOLDER}: a root holds both parts of Omniglot")
    members = _members(source)
    _check(members, source, expected.get(part))
    return source, members


def _members(source: Path) -> list[Member]:
    # Sorted: the order of an archive's or a folder's entries is arbitrary.
    with readable(str(source)):
        members = _folder_members(source) if source.is_dir() else _archive_members(source)
    return sorted(member for member in members if _is_drawing(member, source.stem))


def _archive_members(source: Path) -> list[Member]:
    with zipfile.ZipFile(source) as archive:
        infos = archive.infolist()
    return [Member(tuple(info.filename.split("/")), info.file_size, info.CRC) for info in infos]


def _folder_members(source: Path) -> list[Member]:
    # os.walk, because glob would silently skip folders that may not be read.
    def fail(error: OSError) -> None:
        raise error

    members = []
    for folder, subfolders, names in os.walk(source, onerror=fail):
        steps = Path(folder).relative_to(source.parent).parts
        if len(steps) == DEPTH - 1:
            subfolders.clear()  # drawings lie no deeper, however much does
        for name in names:
            state = os.stat(os.path.join(folder, name))
            if stat.S_ISREG(state.st_mode):  # a link to one counts too; a pipe or a device would never end
                members.append(Member((*steps, name), state.st_size, state.st_mtime_ns))
    return members


def _is_drawing(member: Member, top: str) -> bool:
    hidden = any(step.startswith(".") for step in member.path)  # .DS_Store and the like
    expected_depth = len(member.path) == DEPTH and member.path[0] == top
    return expected_depth and not hidden and member.path[-1].lower().endswith(".png")


def _check(members: Sequence[Member], source: Path, expected: Counts | None) -> None:
    """Raise `InputError` unless the part has the expected content, or any content if none is expected."""
    require(bool(members), f"{source} holds no <alphabet>/<character>/<drawing>.png: it is not Omniglot")
    largest = max(members, key=lambda member: member.size)
    require(
        largest.size <= LARGEST_FILE,
        f"{largest.name} in {source} has {largest.size:,} bytes: a drawing has at most {LARGEST_FILE:,}",
    )
    if expected is None:
        return
    drawings = Counter(member.class_name for member in members)
    alphabets = len({member.path[1] for member in members})
    require(
        (len(drawings), alphabets) == (expected.classes, expected.alphabets),
        f"{source} holds {len(drawings)} classes in {alphabets} alphabets: {source.stem} must hold "
        f"{expected.classes} classes in {expected.alphabets} alphabets; replace it by a complete copy",
    )
    for name, count in drawings.items():
        require(
            count == expected.drawings,
            f"{source} holds {count} drawings of {name}: {source.stem} must hold {expected.drawings} of "
            f"each class; replace it by a complete copy",
        )
