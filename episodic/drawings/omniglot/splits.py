"""Omniglot's drawings for training, validation and test."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch

from episodic.drawings.handwriting.alphabets import generated_classes
from episodic.drawings.images import SMALLEST, require_image_size
from episodic.drawings.omniglot.composites import composite_part
from episodic.drawings.omniglot.listing import OFFICIAL, list_classes
from episodic.drawings.omniglot.loading import load_part
from episodic.drawings.omniglot.part import OmniglotPart, join_parts, select_classes
from episodic.drawings.omniglot.protocols import LakeProtocol, SplitProtocol
from episodic.drawings.omniglot.sources import DrawingSource, OmniglotDrawings
from episodic.errors import require

#: Classes that may be added to the training; their drawings are held in memory.
MOST_ADDED = 20_000
ADDED = f"0 or more, at most {MOST_ADDED}"


class DrawingSplits(NamedTuple):
    """Drawings for training, validation and test; no two parts share a class, and labels start at 0 in each."""

    train: OmniglotPart
    val: OmniglotPart
    test: OmniglotPart


@dataclass(frozen=True)
class OmniglotSplits:
    """Splits the drawings of a source by a protocol, and may add classes to the training.

    Args:
        root: Folder that holds `omniglot-py/`; None searches OMNIGLOT_ROOT, then `data`, then downloads.
        drawings: `OmniglotDrawings` or `GeneratedDrawings`.
        protocol: `LakeProtocol`, `VinyalsProtocol` or `ListedVinyalsProtocol`.
        image_size: Side S of the drawings in pixels, 28 to 105; smaller than 105 is an area average.
        cache_dir: Folder of decoded and generated drawings; None is the user's cache folder.
        generated_classes: Generated characters added to the training; see `episodic.drawings.handwriting.alphabets`.
        composite_classes: Characters added to the training that each combine two training characters; see
            `episodic.drawings.omniglot.composites`.

    Raises:
        InputError: A number is out of range.

    >>> from tempfile import TemporaryDirectory
    >>> from episodic.drawings.omniglot.sources import GeneratedDrawings
    >>> few = GeneratedDrawings(2, 3, 1, 1, drawers=2)
    >>> with TemporaryDirectory() as cache:
    ...     splits = OmniglotSplits(drawings=few, protocol=LakeProtocol(1), cache_dir=cache)
    ...     splits.class_counts(), splits.load().test.images.shape
    ({'train': 2, 'val': 1, 'test': 1}, torch.Size([2, 28, 28]))
    """

    root: str | None = None
    drawings: DrawingSource = field(default_factory=OmniglotDrawings)
    protocol: SplitProtocol = field(default_factory=LakeProtocol)
    image_size: int = SMALLEST
    cache_dir: str | None = None
    generated_classes: int = 0
    composite_classes: int = 0

    def __post_init__(self) -> None:
        require_image_size(self.image_size)
        for name in ("generated_classes", "composite_classes"):
            require(0 <= getattr(self, name) <= MOST_ADDED, f"{name} is {getattr(self, name)}: it must be {ADDED}")

    def class_counts(self) -> dict[str, int]:
        """Return the number of classes of `train`, `val` and `test` without decoding a drawing."""
        root = self._find()
        background, evaluation = (list_classes(root, part, expected=self.drawings.expected) for part in OFFICIAL)
        split = self.protocol.split(background, evaluation)
        added = self.generated_classes + self.composite_classes
        return {"train": len(split.train) + added, "val": len(split.val), "test": len(split.test)}

    def prepare(self) -> None:
        """Find, download or generate the drawings and decode them into the cache."""
        root = self._find()
        for part in OFFICIAL:
            self._load_part(root, part)

    def load(self) -> DrawingSplits:
        """Load the three parts."""
        root = self._find()
        background, evaluation = (self._load_part(root, part) for part in OFFICIAL)
        split = self.protocol.split(background.class_names, evaluation.class_names)
        everything = join_parts(background, evaluation)
        train, val, test = (select_classes(everything, classes) for classes in split)
        return DrawingSplits(self._with_added_classes(train), val, test)

    def _with_added_classes(self, train: OmniglotPart) -> OmniglotPart:
        seed, joined = self.protocol.seed, train
        if self.generated_classes:
            joined = join_parts(joined, generated_part(self.generated_classes, self.image_size, seed))
        if self.composite_classes:
            joined = join_parts(joined, composite_part(train, self.composite_classes, seed))
        return joined

    def _find(self) -> Path:
        return self.drawings.find(self.root, self.cache_dir)

    def _load_part(self, root: Path, part: str) -> OmniglotPart:
        return load_part(root, part, self.image_size, cache_dir=self.cache_dir, expected=self.drawings.expected)


def generated_part(characters: int, image_size: int, seed: int) -> OmniglotPart:
    """Generate characters with 20 drawings each, all of one alphabet named `generated`.

    >>> generated_part(2, 28, seed=0).class_names
    ['generated/character00001', 'generated/character00002']
    """
    drawings = OFFICIAL["background"].drawings
    images, labels = generated_classes(characters, drawings, image_size, seed)
    names = [f"generated/character{number + 1:05d}" for number in range(characters)]
    return OmniglotPart(images, labels, torch.zeros(characters, dtype=torch.long), names, ["generated"])
