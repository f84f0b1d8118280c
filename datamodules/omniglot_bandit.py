"""Blocks of tasks whose contexts are Omniglot's characters, and whose cues are drawings of them."""

from typing import Any

from datamodules.blocks import BlockDataModule
from datamodules.evaluation_task import evaluation_task
from datamodules.hyperparameters import plain_settings
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.drawings.omniglot.protocols import LakeProtocol, SplitProtocol
from episodic.drawings.omniglot.sources import DrawingSource, OmniglotDrawings
from episodic.drawings.omniglot.splits import DrawingSplits, OmniglotSplits
from episodic.errors import require, require_choice
from episodic.tasks.drawing_bandit import DrawingBandit
from episodic.tasks.drawing_task import DrawingTask

#: Arguments of the task that follow from the drawings.
FROM_DRAWINGS = ("characters", "pixels", "labels", "barcode_seed")


class OmniglotBanditDataModule(BlockDataModule):
    """Yields blocks whose contexts are Omniglot's characters.

    By default, training blocks show characters of the background alphabets, except the alphabets held out for
    validation blocks. Test blocks show characters of the evaluation alphabets, so every character is new. Labels are
    the characters' numbers within their split.

    Args:
        task: `DrawingBandit`, `CompositionalDrawingBandit` or another `DrawingTask`. Its `characters`, `pixels`,
            `labels` and `barcode_seed` follow from the drawings.
        root: Folder that holds `omniglot-py/`; None searches OMNIGLOT_ROOT, then `data`, then downloads.
        drawings: Source of the drawings, `OmniglotDrawings` or `GeneratedDrawings`.
        protocol: Split of the characters, `LakeProtocol`, `VinyalsProtocol` or `ListedVinyalsProtocol`.
        image_size: Side of the drawings in pixels, 28 to 105; smaller than 105 is an area average.
        cache_dir: Folder of decoded and generated drawings; None is the user's cache folder.
        predict_split: Split whose characters the predict blocks show: `train`, `val` or `test`.
        blocks: The other arguments of `BlockDataModule`.

    Raises:
        InputError: See `BlockDataModule` and the task; also if the data set is missing, damaged or incomplete, a split
            has too few characters, or a character does not have `task.drawings` drawings.
    """

    task: DrawingTask
    loaded: DrawingSplits

    def __init__(
        self,
        task: DrawingTask = DrawingBandit(),  # noqa: B008 - immutable, and read by jsonargparse
        root: str | None = None,
        drawings: DrawingSource = OmniglotDrawings(),  # noqa: B008
        protocol: SplitProtocol = LakeProtocol(),  # noqa: B008
        image_size: int = 28,
        cache_dir: str | None = None,
        predict_split: str = "train",
        **blocks: Any,
    ) -> None:
        settings = {name: value for name, value in plain_settings(locals()).items() if name != "blocks"}
        require_choice("predict_split", predict_split, DrawingSplits._fields)
        for name in FROM_DRAWINGS:
            value, default = getattr(task, name), getattr(DrawingTask, name)
            require(value == default, f"task.{name} is {value}: it must be left out, it follows from the drawings")
        self.predict_split = predict_split
        self.splits = OmniglotSplits(root, drawings, protocol, image_size, cache_dir)
        counts = self.splits.class_counts()
        _require_characters(task, counts)
        placed = {
            split: task.on(counts[split], image_size**2, labels=max(counts.values()), barcode_seed=index)
            for index, split in enumerate(DrawingSplits._fields)
        }
        super().__init__(placed["train"], **blocks)
        self.save_hyperparameters(settings)
        for name, value in self.evaluation.items():
            fixed = name in (*FROM_DRAWINGS, "drawings")
            require(not fixed, f"evaluation.{name} is {value}: it must be left out, it follows from the drawings")
        self.tasks = {split: evaluation_task(task, self.evaluation) for split, task in placed.items()}

    def prepare_data(self) -> None:
        """Find, download or generate the drawings and decode them into the cache."""
        if self.task.shows_drawings:
            self.splits.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Load the drawings; a second call changes nothing."""
        if not self.task.shows_drawings or hasattr(self, "loaded"):
            return
        self.loaded = self.splits.load()
        for part in self.loaded:
            counts = part.labels.bincount(minlength=len(part.class_names))
            fewest = int(counts.argmin())
            require(
                bool((counts == self.task.drawings).all()),
                f"character {part.class_names[fewest]} has {int(counts[fewest])} drawings: task.drawings is "
                f"{self.task.drawings}, and every character must have that many",
            )

    def task_of(self, split: str) -> DrawingTask:
        """Return the task whose blocks `train`, `val`, `test` or `predict` consists of."""
        return self.task if split == "train" else self.tasks[self.characters_of(split)]

    def part(self, split: str) -> OmniglotPart:
        """Return the drawings that blocks of `train`, `val`, `test` or `predict` show, after `setup`."""
        part: OmniglotPart = getattr(self.loaded, self.characters_of(split))
        return part

    def characters_of(self, split: str) -> str:
        """Return the split whose characters blocks of `train`, `val`, `test` or `predict` show."""
        return self.predict_split if split == "predict" else split


def _require_characters(task: DrawingTask, counts: dict[str, int]) -> None:
    """Raise `InputError` unless every split has enough characters for a block."""
    fewest = min(counts, key=counts.__getitem__)
    splits = ", ".join(f"{split} {count}" for split, count in counts.items())
    require(
        task.shown <= counts[fewest],
        f"{task.SHOWN} is {task.shown}: there are only {counts[fewest]} characters in the split {fewest!r} ({splits}); "
        f"use fewer {task.SHOWN} or another data.protocol, such as one with more validation_alphabets",
    )
