"""Omniglot's drawings in batches, with whole alphabets held out for validation and for the test."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from datamodules.omniglot_files import (
    OFFICIAL,
    OmniglotPart,
    find_omniglot,
    load_part,
    require_image_size,
    select_classes,
)
from datamodules.sampling import EpochShuffle, ShardedIndices
from errors import require, require_positive


class DrawingBatch(NamedTuple):
    """B drawings and their classes."""

    images: Tensor  # [B, 1, S, S] float32 in [0, 1], ink = 1
    labels: Tensor  # [B] long


class DrawingDataset(Dataset[DrawingBatch]):
    """Cuts whole batches out of a part: an item is the batch of the drawings with the given indices."""

    def __init__(self, part: OmniglotPart) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part.labels)

    def __getitem__(self, indices: Tensor | Sequence[int] | int) -> DrawingBatch:
        rows = torch.as_tensor(indices).reshape(-1)  # a single index is a batch of one
        images = self.part.images[rows].unsqueeze(1).float().div_(255)
        return DrawingBatch(images, self.part.labels[rows])


class OmniglotDataModule(pl.LightningDataModule):
    """Training and validation on the background alphabets, test and prediction on the evaluation alphabets.

    Which alphabets and classes are held out depends on `split_seed` alone, never on the run's seed. After
    `setup`, `train`, `val` and `test` are `OmniglotPart`s that share no class; labels count from 0 in each.

    Args:
        root: folder that holds `omniglot-py/`; None looks under OMNIGLOT_ROOT, in `data`, else downloads.
        image_size: side S of the drawings in pixels, 28 to 105; smaller than 105 is an area average.
        batch_size: drawings B in a batch of one process.
        validation_alphabets: background alphabets that are held out whole for validation.
        classes: train on this many of the training classes, the same first ones for each number; None
            takes all.
        split_seed: of the choice of validation alphabets and training classes.
        cache_dir: folder of the decoded drawings; None takes the user's cache folder.
        check_counts: whether to insist on the official numbers of alphabets, classes and drawings.

    Raises:
        InputError: a number out of its range; no data set, or one that is damaged or incomplete.
    """

    train: OmniglotPart
    val: OmniglotPart
    test: OmniglotPart

    def __init__(
        self,
        root: str | None = None,
        image_size: int = 28,
        batch_size: int = 256,
        validation_alphabets: int = 5,
        classes: int | None = None,
        split_seed: int = 0,
        cache_dir: str | None = None,
        check_counts: bool = True,
    ) -> None:
        super().__init__()
        require_positive(batch_size=batch_size, validation_alphabets=validation_alphabets)
        require_image_size(image_size)
        if classes is not None:
            require_positive(classes=classes)
        self.save_hyperparameters()
        self.root, self.image_size, self.batch_size = root, image_size, batch_size
        self.validation_alphabets, self.classes, self.split_seed = validation_alphabets, classes, split_seed
        self.cache_dir, self.check_counts = cache_dir, check_counts

    @property
    def sizes(self) -> dict[str, int]:
        """What a model has to know of the data: filled into its arguments of the same name."""
        return {"image_size": self.image_size}

    def prepare_data(self) -> None:
        """Find or download the data set and decode it into the cache; Lightning lets one process do this."""
        root = find_omniglot(self.root)
        for part in OFFICIAL:
            self._load(root, part)

    def setup(self, stage: str | None = None) -> None:
        """Load `train`, `val` and `test`; a second call changes nothing."""
        if hasattr(self, "test"):
            return
        root = find_omniglot(self.root)
        background, evaluation = (self._load(root, part) for part in ("background", "evaluation"))
        self.train, self.val = split_background(background, self.validation_alphabets, self.split_seed)
        if self.classes is not None:
            self.train = first_classes(self.train, self.classes, self.split_seed)
        self.test = evaluation

    def _load(self, root: Path, part: str) -> OmniglotPart:
        expected = OFFICIAL if self.check_counts else {}
        return load_part(root, part, self.image_size, cache_dir=self.cache_dir, expected=expected)

    def train_dataloader(self) -> DataLoader[DrawingBatch]:
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        return _loader(self.train, EpochShuffle(len(self.train.labels), self.batch_size, seed))

    def val_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.val)

    def test_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.test)

    def predict_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.test)

    def _in_order(self, part: OmniglotPart) -> DataLoader[DrawingBatch]:
        indices = ShardedIndices(len(part.labels))
        return _loader(part, BatchSampler(indices, self.batch_size, drop_last=False))


def split_background(
    background: OmniglotPart, validation_alphabets: int, seed: int
) -> tuple[OmniglotPart, OmniglotPart]:
    """Training and validation parts: the latter gets whole alphabets, drawn by the seed.

    Raises:
        InputError: no alphabet would be left to train on.
    """
    names = background.alphabet_names
    require(
        0 < validation_alphabets < len(names),
        f"validation_alphabets is {validation_alphabets}: it has to lie between 1 and {len(names) - 1}: "
        f"there are {len(names)} background alphabets",
    )
    held_out = set(_permuted(names, seed)[:validation_alphabets])
    owner = [names[alphabet] in held_out for alphabet in background.alphabets.tolist()]
    train, val = ([c for c, held in enumerate(owner) if held is wanted] for wanted in (False, True))
    return select_classes(background, train), select_classes(background, val)


def first_classes(part: OmniglotPart, count: int, seed: int) -> OmniglotPart:
    """The first `count` classes of a permutation by the seed: a larger number adds to a smaller one's.

    Raises:
        InputError: there are fewer.
    """
    names = part.class_names
    require(
        0 < count <= len(names),
        f"classes is {count}: it has to lie between 1 and {len(names)}, the number of training classes",
    )
    chosen = set(_permuted(names, seed)[:count])
    return select_classes(part, [index for index, name in enumerate(names) if name in chosen])


def _permuted(names: Sequence[str], seed: int) -> list[str]:
    # By hash: random generators may change their streams from one release to the next, and a split must not.
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def _loader(part: OmniglotPart, sampler: Sampler[Tensor] | Sampler[list[int]]) -> DataLoader[DrawingBatch]:
    # The sampler yields whole batches of indices. Cutting them from memory takes less than handing them over
    # from a worker process would.
    return DataLoader(DrawingDataset(part), batch_size=None, sampler=sampler)
