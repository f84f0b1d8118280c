"""Omniglot's drawings in batches: two protocols, quarter turns as classes of their own, batches by class."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from datamodules.class_batches import ClassBatches, EpisodeBatches
from datamodules.sampling import EpochShuffle, ShardedIndices
from episodic.drawings.composites import composite_part
from episodic.drawings.generated import generated_classes as draw_generated
from episodic.drawings.omniglot_files import (
    OFFICIAL,
    Counts,
    OmniglotPart,
    find_omniglot,
    join_parts,
    list_classes,
    load_part,
    require_image_size,
    select_classes,
)
from episodic.drawings.omniglot_protocols import (
    HELD_OUT_BY,
    PROTOCOLS,
    ClassSplit,
    first_classes,
    lake_split,
    vinyals_split,
    within_alphabets,
)
from episodic.errors import require, require_choice, require_positive

TURNS = 4  # quarter turns of a drawing
DRAWINGS = 20  # of a generated class, as of Omniglot's


class DrawingBatch(NamedTuple):
    """B drawings and their classes."""

    images: Tensor  # [B, 1, S, S] float32 in [0, 1], ink = 1
    labels: Tensor  # [B] long


class DrawingDataset(Dataset[DrawingBatch]):
    """Cuts whole batches out of a part: an item is the batch of the drawings with the given indices.

    Args:
        part: N drawings.
        rotations: each drawing counts four times: index `4 * drawing + turns` is the drawing after so many quarter
            turns against the clock, of class `4 * class + turns`.
    """

    def __init__(self, part: OmniglotPart, rotations: bool = False) -> None:
        self.part, self.rotations = part, rotations

    def __len__(self) -> int:
        return len(self.part.labels) * (TURNS if self.rotations else 1)

    @property
    def labels(self) -> Tensor:
        """Class of every index, `[len(self)]` long."""
        labels = self.part.labels
        if not self.rotations:
            return labels
        return (labels.unsqueeze(1) * TURNS + torch.arange(TURNS)).flatten()

    def __getitem__(self, indices: Tensor | Sequence[int] | int) -> DrawingBatch:
        rows = torch.as_tensor(indices).reshape(-1)  # a single index is a batch of one
        if not self.rotations:
            return DrawingBatch(_as_floats(self.part.images[rows]), self.part.labels[rows])
        drawings, turns = rows // TURNS, rows % TURNS
        images = turned(self.part.images[drawings], turns)
        return DrawingBatch(_as_floats(images), self.part.labels[drawings] * TURNS + turns)


def _as_floats(images: Tensor) -> Tensor:
    return images.unsqueeze(1).float().div_(255)


def turned(images: Tensor, turns: Tensor) -> Tensor:
    """Drawings `[..., S, S]` after `turns` quarter turns each against the clock, `[...]` long from 0 to 3."""
    result = images.clone()
    for turn in range(1, TURNS):
        chosen = turns == turn
        result[chosen] = torch.rot90(images[chosen], turn, dims=(-2, -1))
    return result


class OmniglotDataModule(pl.LightningDataModule):
    """Omniglot for training, validation and test; predictions are made on the test's drawings.

    `lake` trains and validates on the background alphabets, tests on the evaluation alphabets; `vinyals` shares out
    the characters of all alphabets. Which classes are held out depends on `split_seed` alone, never on the run's
    seed. After `setup`, `train`, `val` and `test` are `OmniglotPart`s that share no class; labels count from 0 in
    each.

    Args:
        root: folder that holds `omniglot-py/`; None looks under OMNIGLOT_ROOT, in `data`, else downloads.
        image_size: side S of the drawings in pixels, 28 to 105; smaller than 105 is an area average.
        batch_size: drawings B in a batch of one process.
        validation_alphabets: background alphabets that `lake` holds out whole for validation; None takes 5.
        classes: train on this many of the training classes, the same first ones for each number; None
            takes all.
        split_seed: of the choice of what is held out and of the training classes.
        cache_dir: folder of the decoded drawings; None takes the user's cache folder.
        check_counts: whether to insist on the official numbers of alphabets, classes and drawings.
        protocol: `lake` or `vinyals`.
        validation_classes: characters that `vinyals` holds out for validation; None takes a twelfth, 100 of 1,200.
        alphabets: train on these alone, out of those that are not held out; None takes all.
        rotations: train on all four quarter turns of every drawing as classes of their own: labels
            `4 * class + turns`, and four times as many batches an epoch.
        per_class: make training batches of `batch_size / per_class` classes with so many drawings each; None shuffles.
        shots: make episodes of these batches: this many drawings of each class come first, the support.
        generated_classes: train on so many generated characters besides; see `episodic.drawings.generated`.
        composite_classes: train on so many characters besides that are put together from two of the training
            characters each; see `episodic.drawings.composites`.

    Raises:
        InputError: a number out of its range, an unknown protocol or alphabet; no data set, or one that is damaged
            or incomplete.
    """

    train: OmniglotPart
    val: OmniglotPart
    test: OmniglotPart
    #: Of `sizes`, those that a trained model keeps whatever data it is tested on.
    training_sizes = ("classes",)

    def __init__(
        self,
        root: str | None = None,
        image_size: int = 28,
        batch_size: int = 256,
        validation_alphabets: int | None = None,
        classes: int | None = None,
        split_seed: int = 0,
        cache_dir: str | None = None,
        check_counts: bool = True,
        protocol: str = "lake",
        validation_classes: int | None = None,
        alphabets: list[str] | None = None,
        rotations: bool = False,
        per_class: int | None = None,
        shots: int | None = None,
        generated_classes: int = 0,
        composite_classes: int = 0,
    ) -> None:
        super().__init__()
        more = {"generated_classes": generated_classes, "composite_classes": composite_classes}
        for name, count in more.items():
            require(count >= 0, f"{name} is {count}: it has to be 0 or more")
        held_out = {"validation_alphabets": validation_alphabets, "validation_classes": validation_classes}
        given = {"batch_size": batch_size, "classes": classes, "per_class": per_class, "shots": shots, **held_out}
        require_positive(**{name: number for name, number in given.items() if number is not None})
        require_image_size(image_size)
        require_choice("protocol", protocol, PROTOCOLS)
        for name, number in held_out.items():
            own = HELD_OUT_BY[protocol]
            require(number is None or name == own, f"{name} is {number}: it has to be null, {protocol} goes by {own}")
        _require_class_batches(batch_size, per_class, shots)
        # Lightning refuses a model whose hyperparameter of the same name differs: models count rotated classes too.
        self.save_hyperparameters(ignore=["classes"])
        self.root, self.image_size, self.batch_size = root, image_size, batch_size
        self.validation_alphabets, self.classes, self.split_seed = validation_alphabets, classes, split_seed
        self.cache_dir, self.check_counts = cache_dir, check_counts
        self.protocol, self.validation_classes, self.alphabets = protocol, validation_classes, alphabets
        self.rotations, self.per_class, self.shots = rotations, per_class, shots
        self.generated_classes, self.composite_classes = generated_classes, composite_classes

    @property
    def sizes(self) -> dict[str, int]:
        """What a model has to know of the data: filled into its arguments of the same name."""
        return {"image_size": self.image_size, "classes": self.train_classes}

    @property
    def train_classes(self) -> int:
        """Number of classes in the training batches' labels; before `setup` it finds the data set and lists it."""
        characters = self.class_counts()["train"]
        if not hasattr(self, "train"):
            characters += self.generated_classes + self.composite_classes
        return characters * (TURNS if self.rotations else 1)

    def class_counts(self) -> dict[str, int]:
        """Number of characters in `train`, `val` and `test`; before `setup` it finds the data set and lists it.

        Before `setup` without the generated and the composite classes of the training.
        """
        if hasattr(self, "train"):
            return {split: len(getattr(self, split).class_names) for split in ("train", "val", "test")}
        root = find_omniglot(self.root)
        background, evaluation = (list_classes(root, part, expected=self._expected) for part in OFFICIAL)
        return {split: len(chosen) for split, chosen in self._split(background, evaluation)._asdict().items()}

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
        background, evaluation = (self._load(root, part) for part in OFFICIAL)
        chosen = self._split(background.class_names, evaluation.class_names)
        everything = join_parts(background, evaluation)
        train, self.val, self.test = (select_classes(everything, classes) for classes in chosen)
        self.train = join_parts(train, self._generated()) if self.generated_classes else train
        if self.composite_classes:
            composites = composite_part(train, self.composite_classes, self.split_seed)
            self.train = join_parts(self.train, composites)

    def _split(self, background: Sequence[str], evaluation: Sequence[str]) -> ClassSplit:
        """Which of the classes, those of the background first, are trained on, validated on and tested on."""
        names = [*background, *evaluation]
        if self.protocol == "lake":
            split = lake_split(background, evaluation, self.validation_alphabets, self.split_seed)
        else:
            split = vinyals_split(names, self.validation_classes, self.split_seed)
        train = split.train
        if self.alphabets is not None:
            train = within_alphabets(train, names, self.alphabets)
        if self.classes is not None:
            train = first_classes(train, names, self.classes, self.split_seed)
        return split._replace(train=train)

    def _generated(self) -> OmniglotPart:
        images, labels = draw_generated(self.generated_classes, DRAWINGS, self.image_size, self.split_seed)
        names = [f"generated/character{number + 1:05d}" for number in range(self.generated_classes)]
        return OmniglotPart(images, labels, torch.zeros(len(names), dtype=torch.long), names, ["generated"])

    @property
    def _expected(self) -> Mapping[str, Counts]:
        return OFFICIAL if self.check_counts else {}

    def _load(self, root: Path, part: str) -> OmniglotPart:
        return load_part(root, part, self.image_size, cache_dir=self.cache_dir, expected=self._expected)

    def train_dataloader(self) -> DataLoader[DrawingBatch]:
        dataset = DrawingDataset(self.train, self.rotations)
        return _loader(dataset, self._training_order(dataset.labels))

    def _training_order(self, labels: Tensor) -> Sampler[Tensor]:
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        if self.per_class is None:
            return EpochShuffle(len(labels), self.batch_size, seed)
        ways = self.batch_size // self.per_class
        if self.shots is None:
            return ClassBatches(labels, ways, self.per_class, seed)
        return EpisodeBatches(labels, ways, self.shots, self.per_class - self.shots, seed)

    def val_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.val)

    def test_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.test)

    def predict_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.test)

    def _in_order(self, part: OmniglotPart) -> DataLoader[DrawingBatch]:
        indices = ShardedIndices(len(part.labels))
        return _loader(DrawingDataset(part), BatchSampler(indices, self.batch_size, drop_last=False))


def _require_class_batches(batch_size: int, per_class: int | None, shots: int | None) -> None:
    """Raise `InputError` unless batches can be made of whole classes, and episodes of these."""
    if per_class is None:
        require(shots is None, f"shots is {shots}: episodes need per_class as well, the drawings of each class")
        return
    require(
        batch_size % per_class == 0, f"batch_size is {batch_size}: it has to be a multiple of per_class, {per_class}"
    )
    require(
        shots is None or shots < per_class,
        f"shots is {shots}: it has to be smaller than per_class, {per_class}, so that queries are left",
    )


def _loader(dataset: DrawingDataset, sampler: Sampler[Tensor] | Sampler[list[int]]) -> DataLoader[DrawingBatch]:
    # The sampler yields whole batches of indices. Cutting them from memory takes less than handing them over
    # from a worker process would.
    return DataLoader(dataset, batch_size=None, sampler=sampler)
