"""Roots of drawings that tests change, and loading them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from episodic.drawings.omniglot.listing import Counts
from episodic.drawings.omniglot.loading import load_part
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.drawings.omniglot.root import PARTS
from episodic.errors import InputError

EXPECTED = {"background": Counts(24, 6, 20), "evaluation": Counts(12, 3, 20)}
Entries = list[tuple[str, bytes]]


def load(root: Path, cache: Path, part: str = "background", image_size: int = 28) -> OmniglotPart:
    return load_part(root, part, image_size, cache_dir=str(cache), expected=EXPECTED)


def assert_equal(one: OmniglotPart, other: OmniglotPart) -> None:
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.labels, other.labels)
    assert torch.equal(one.alphabets, other.alphabets)
    assert one[3:] == other[3:]


def extracted(source: Path, target: Path) -> Path:
    """A root with the folders that the archives unpack to."""
    for part in PARTS:
        with zipfile.ZipFile(source / f"omniglot-py/images_{part}.zip") as archive:
            archive.extractall(target / "omniglot-py")
    return target


def rewritten(source: Path, target: Path, change: Callable[[Entries], Entries]) -> Path:
    """A root whose archives hold the changed entries."""
    (target / "omniglot-py").mkdir(parents=True)
    for part in PARTS:
        name = f"omniglot-py/images_{part}.zip"
        with zipfile.ZipFile(source / name) as archive:
            entries = [(entry, archive.read(entry)) for entry in archive.namelist()]
        with zipfile.ZipFile(target / name, "w") as archive:
            for entry, data in change(entries):
                archive.writestr(entry, data)
    return target


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message
