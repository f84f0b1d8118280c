"""The folder of decoded drawings, generated drawings and embeddings."""

import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from episodic.errors import require

#: Marks a folder as a cache for programs that back up or clean, see https://bford.info/cachedir.
TAG, SIGNATURE = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55"
#: The tag's content.
TAG_TEXT = f"{SIGNATURE}\n# Drawings and embeddings of episodic-memory-lab; everything here may be deleted.\n"


def cache_folder(folder: str | Path | None = None) -> Path:
    """Expand `folder`; None gives the user's cache folder.

    Raises:
        InputError: the path is blank.

    >>> cache_folder("some/folder").parts
    ('some', 'folder')
    """
    blank = folder is not None and str(folder) and not str(folder).strip()
    require(not blank, f"cache_dir is {str(folder)!r}: it must be the path of a folder, or null")
    return Path(os.path.expanduser(folder or platformdirs.user_cache_dir("episodic-memory-lab")))


def mark_cache_folder(folder: Path) -> None:
    """Mark a folder as a cache by its tag."""
    # The tag may exist already, and some caches may not be written to.
    with suppress(OSError), (folder / TAG).open("xb") as file:
        file.write(TAG_TEXT.encode())


def is_cache_folder(folder: Path) -> bool:
    """Whether a folder is marked as a cache of this project.

    >>> is_cache_folder(Path("no/such/folder"))
    False
    """
    tag = folder / TAG
    try:
        return os.path.isfile(tag) and tag.stat().st_size < 1000 and tag.read_text(encoding="utf-8") == TAG_TEXT
    except (OSError, ValueError):
        return False
