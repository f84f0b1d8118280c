"""Omniglot's drawings in batches for training, validation and test."""

import pytorch_lightning as pl
from torch.utils.data import BatchSampler, DataLoader

from datamodules.class_batches import require_batches, training_order
from datamodules.drawings import DrawingBatch, DrawingDataset
from datamodules.hyperparameters import plain_settings
from datamodules.sampling import ShardedIndices, batch_loader, run_seed
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.drawings.omniglot.protocols import LakeProtocol, SplitProtocol
from episodic.drawings.omniglot.sources import DrawingSource, OmniglotDrawings
from episodic.drawings.omniglot.splits import OmniglotSplits
from episodic.drawings.symmetries import TURNS


class OmniglotDataModule(pl.LightningDataModule):
    """Batches of Omniglot's drawings, or of generated ones; predictions are made on the test drawings.

    After `setup`, `train`, `val` and `test` are parts that share no class; labels start at 0 in each.

    Args:
        root: Folder that holds `omniglot-py/`; None searches OMNIGLOT_ROOT, then `data`, then downloads.
        drawings: Source of the drawings, `OmniglotDrawings` or `GeneratedDrawings`.
        protocol: Split of the characters, `LakeProtocol`, `VinyalsProtocol` or `ListedVinyalsProtocol`.
        image_size: Side S of the drawings in pixels, 28 to 105; smaller than 105 is an area average.
        cache_dir: Folder of decoded and generated drawings; None is the user's cache folder.
        batch_size: Drawings in a batch of one process.
        rotations: Train on all four quarter turns of every drawing as separate classes: labels `4 * class + turns`,
            and four times as many batches an epoch.
        per_class: Drawings of each class in a training batch of `batch_size / per_class` classes; None shuffles.
        shots: Order each training batch as an episode: this many drawings of each class come first, as the support.
        generated_classes: Generated characters added to the training.
        composite_classes: Characters added to the training that each combine two training characters.

    Raises:
        InputError: A number is out of range; the data set is missing, damaged or incomplete.
    """

    train: OmniglotPart
    val: OmniglotPart
    test: OmniglotPart
    #: The `sizes` that a trained model keeps, also for a test on other data.
    training_sizes = ("classes",)

    def __init__(
        self,
        root: str | None = None,
        drawings: DrawingSource = OmniglotDrawings(),  # noqa: B008 - immutable, and read by jsonargparse
        protocol: SplitProtocol = LakeProtocol(),  # noqa: B008
        image_size: int = 28,
        cache_dir: str | None = None,
        batch_size: int = 256,
        rotations: bool = False,
        per_class: int | None = None,
        shots: int | None = None,
        generated_classes: int = 0,
        composite_classes: int = 0,
    ) -> None:
        settings = plain_settings(locals())
        super().__init__()
        require_batches(batch_size, per_class, shots)
        self.splits = OmniglotSplits(
            root, drawings, protocol, image_size, cache_dir, generated_classes, composite_classes
        )
        self.save_hyperparameters(settings)
        self.batch_size, self.rotations, self.per_class, self.shots = batch_size, rotations, per_class, shots

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes that fill in the model's arguments of the same name."""
        return {"image_size": self.splits.image_size, "classes": self.train_classes}

    @property
    def train_classes(self) -> int:
        """Number of classes in the training labels; before `setup` the data set is found and listed."""
        loaded = hasattr(self, "train")
        characters = len(self.train.class_names) if loaded else self.splits.class_counts()["train"]
        return characters * (TURNS if self.rotations else 1)

    def prepare_data(self) -> None:
        """Find, download or generate the drawings and decode them into the cache, once on each machine."""
        self.splits.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Load `train`, `val` and `test`; a second call changes nothing."""
        if not hasattr(self, "test"):
            self.train, self.val, self.test = self.splits.load()

    def train_dataloader(self) -> DataLoader[DrawingBatch]:
        dataset = DrawingDataset(self.train, self.rotations)
        order = training_order(dataset.labels, self.batch_size, self.per_class, self.shots, run_seed())
        return batch_loader(dataset, order)

    def val_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.val)

    def test_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.test)

    def predict_dataloader(self) -> DataLoader[DrawingBatch]:
        return self._in_order(self.test)

    def _in_order(self, part: OmniglotPart) -> DataLoader[DrawingBatch]:
        order = BatchSampler(ShardedIndices(len(part.labels)), self.batch_size, drop_last=False)
        return batch_loader(DrawingDataset(part), order)
