"""Sources of drawings in Omniglot's layout: Omniglot itself, or generated characters."""

import hashlib
import json
import os
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from episodic.drawings.cache_folder import cache_folder, mark_cache_folder
from episodic.drawings.handwriting.archives import FORMAT, generate_omniglot
from episodic.drawings.omniglot.listing import OFFICIAL, Counts
from episodic.drawings.omniglot.root import find_omniglot
from episodic.errors import InputError, require, require_positive, require_seed
from episodic.files import remove_abandoned


class DrawingSource(ABC):
    """Finds a folder of drawings in Omniglot's layout."""

    @abstractmethod
    def find(self, root: str | None = None, cache_dir: str | None = None) -> Path:
        """Return a folder that holds `omniglot-py/`; download or generate it if necessary."""

    @property
    @abstractmethod
    def expected(self) -> Mapping[str, Counts]:
        """Expected content of each part; a part without an entry is not counted."""


@dataclass(frozen=True)
class OmniglotDrawings(DrawingSource):
    """Omniglot, from a folder or downloaded; see `episodic.drawings.omniglot.root.find_omniglot`.

    Args:
        check_counts: Whether to require the official numbers of alphabets, classes and drawings.

    >>> OmniglotDrawings().expected["background"]
    Counts(classes=964, alphabets=30, drawings=20)
    """

    check_counts: bool = True

    def find(self, root: str | None = None, cache_dir: str | None = None) -> Path:
        return find_omniglot(root)

    @property
    def expected(self) -> Mapping[str, Counts]:
        return OFFICIAL if self.check_counts else {}


@dataclass(frozen=True)
class GeneratedDrawings(DrawingSource):
    """Generated characters instead of Omniglot's; by default as many of them.

    They are generated into the cache folder once and stay there. Other numbers or another seed make another data set.

    Args:
        background_alphabets: Background alphabets.
        background_characters: Characters of all background alphabets, shared out evenly.
        evaluation_alphabets: Evaluation alphabets.
        evaluation_characters: Characters of all evaluation alphabets, shared out evenly.
        drawers: People who draw each character, once each.
        seed: Seed of characters and drawings.

    Raises:
        InputError: A number is out of range.

    >>> GeneratedDrawings(background_alphabets=2, background_characters=5).background
    {'background01': 3, 'background02': 2}
    """

    background_alphabets: int = OFFICIAL["background"].alphabets
    background_characters: int = OFFICIAL["background"].classes
    evaluation_alphabets: int = OFFICIAL["evaluation"].alphabets
    evaluation_characters: int = OFFICIAL["evaluation"].classes
    drawers: int = OFFICIAL["background"].drawings
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(drawers=self.drawers)
        require_seed(seed=self.seed)
        require_positive(background_alphabets=self.background_alphabets, evaluation_alphabets=self.evaluation_alphabets)
        for part in OFFICIAL:
            characters, alphabets = getattr(self, f"{part}_characters"), getattr(self, f"{part}_alphabets")
            require(
                characters >= alphabets,
                f"{part}_characters is {characters}: it must be at least {part}_alphabets, {alphabets}",
            )

    @property
    def background(self) -> dict[str, int]:
        """Number of characters of each background alphabet."""
        return _shared_out("background", self.background_characters, self.background_alphabets)

    @property
    def evaluation(self) -> dict[str, int]:
        """Number of characters of each evaluation alphabet."""
        return _shared_out("evaluation", self.evaluation_characters, self.evaluation_alphabets)

    @property
    def expected(self) -> Mapping[str, Counts]:
        return {}

    def folder(self, cache_dir: str | None = None) -> Path:
        """Return the folder of this data set; its name depends on every setting."""
        settings = [FORMAT, list(self.background.items()), list(self.evaluation.items()), self.drawers, self.seed]
        digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
        return cache_folder(cache_dir) / f"generated-{digest}"

    def find(self, root: str | None = None, cache_dir: str | None = None) -> Path:
        """Return the data set's folder; generate it if necessary.

        Several processes may do so at once. None of them sees an incomplete data set.

        Raises:
            InputError: A root is given; the cache folder cannot be written to.
        """
        require(root is None, f"root is {root}: it must be null for generated drawings, which lie in the cache folder")
        folder = self.folder(cache_dir)
        if os.path.isdir(folder):
            return folder
        remove_abandoned(folder.parent, f".{folder.name}.*.tmp")
        temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
        try:
            generate_omniglot(temporary, self.background, self.evaluation, self.drawers, seed=self.seed, progress=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            mark_cache_folder(folder.parent)
            os.rename(temporary, folder)
        except OSError as error:
            if not folder.is_dir():  # otherwise another process was first
                raise InputError(
                    f"generated drawings cannot be kept in {folder.parent} ({error.strerror}): "
                    f"--data.cache_dir names another folder"
                ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return folder


def _shared_out(part: str, characters: int, alphabets: int) -> dict[str, int]:
    share, more = divmod(characters, alphabets)
    return {f"{part}{number + 1:02d}": share + (number < more) for number in range(alphabets)}
