"""The Omniglot bandit of Ritter et al. 2018, section 4.2: contexts are characters, cues are drawings of them."""

from dataclasses import replace

from datamodules.bandit import BanditDataModule, BlockDataset
from datamodules.generated_omniglot import GeneratedOmniglotDataModule
from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.omniglot_files import OmniglotPart
from episodic.errors import require, require_choice, require_fraction
from episodic.tasks.drawing_bandit import DrawingBandit

DRAWINGS = 20  # of each of Omniglot's characters
SPLITS = ("train", "val", "test")


class OmniglotBanditDataModule(BanditDataModule):
    """Blocks whose contexts are Omniglot's characters; the defaults are the paper's numbers.

    Training blocks are made of the characters of the background alphabets, less those of a few that the validation's
    are made of; test blocks of the evaluation alphabets, so that every character is new. Each exposure shows another
    drawing. What the agent makes of a drawing is its own matter (`EpisodicAgent.cue_encoder`): without an encoder the
    cue is the drawing itself, pixel by pixel. Labels are the characters' numbers within their split.

    Args:
        root: folder that holds `omniglot-py/`; None looks under OMNIGLOT_ROOT, in `data`, else downloads.
        generated: whether generated characters take Omniglot's place, see `GeneratedOmniglotDataModule`.
        cue: `drawing`, or `barcode`, one binary code for each character.
        bits: length of a barcode.
        distance: bits in which the barcodes of two characters differ at least.
        noise: share of its bits that are flipped in an episode's barcode.
        evaluation_noise: noise of the validation, test and predict blocks; null takes that of the training.
        arms: number of arms.
        contexts: number of characters in a block.
        exposures: how many times each is met in a block, with the order `urn` on average.
        pulls: pulls in an episode.
        best: probability of a reward on a context's best arm.
        rest: probability of a reward on every other arm.
        every_arm_best: every arm is best in at least one context of a block.
        order: of the contexts, `bag` (each met equally often) or `urn` (the more often met, the likelier again).
        concentration: of the urn; the smaller, the fewer contexts make up a block.
        best_arms: only the first so many arms are ever a context's best; null: all.
        predict_split: whose characters the predict blocks are made of, `train`, `val` or `test`.
        image_size: side of the drawings in pixels, 28 to 105.
        validation_alphabets: background alphabets that the validation blocks are made of; null takes 5.
        split_seed: of the choice of these.
        check_counts: whether to insist on the official numbers of alphabets, classes and drawings.
        drawings: of each character; other than 20 only where the counts are not insisted on.
        cache_dir: folder of the decoded drawings; null takes the user's cache folder.
        environments: independent environments in a training batch.
        blocks_per_epoch: training batches between two validations.
        val_environments: environments in a validation block.
        val_blocks: validation blocks.
        test_environments: environments in a test block.
        test_blocks: test blocks.
        evaluation_seed: of the validation, test and predict blocks.
        predict_environments: environments in a predict block; each is a block of its own in a harvest.
        predict_blocks: predict blocks.

    Raises:
        InputError: numbers that make no task, see `episodic.tasks.drawing_bandit.DrawingBandit`; no data set, or one that is
            damaged or incomplete.
    """

    task: DrawingBandit

    def __init__(
        self,
        root: str | None = None,
        generated: bool = False,
        cue: str = "drawing",
        bits: int = 32,
        distance: int = 4,
        noise: float = 0.0,
        evaluation_noise: float | None = None,
        arms: int = 10,
        contexts: int = 10,
        exposures: int = 10,
        pulls: int = 10,
        best: float = 0.9,
        rest: float = 0.1,
        every_arm_best: bool = True,
        order: str = "bag",
        concentration: float = 1.0,
        best_arms: int | None = None,
        predict_split: str = "train",
        image_size: int = 28,
        validation_alphabets: int | None = None,
        split_seed: int = 0,
        check_counts: bool = True,
        drawings: int = DRAWINGS,
        cache_dir: str | None = None,
        environments: int = 64,
        blocks_per_epoch: int = 10,
        val_environments: int = 256,
        val_blocks: int = 1,
        test_environments: int = 1024,
        test_blocks: int = 2,
        evaluation_seed: int = 0,
        predict_environments: int = 256,
        predict_blocks: int = 2,
    ) -> None:
        require_choice("predict_split", predict_split, SPLITS)
        require(
            not check_counts or generated or drawings == DRAWINGS,
            f"drawings is {drawings}: Omniglot has {DRAWINGS} of each character; with check_counts false others may do",
        )
        self.characters = _drawings_module(
            generated, root, image_size, validation_alphabets, split_seed, check_counts, drawings, cache_dir
        )
        counts = self.characters.class_counts()
        task = DrawingBandit(
            arms=arms,
            contexts=contexts,
            exposures=exposures,
            pulls=pulls,
            best=best,
            rest=rest,
            every_arm_best=every_arm_best,
            order=order,
            concentration=concentration,
            best_arms=best_arms,
            characters=counts["train"],
            drawings=drawings,
            pixels=image_size**2,
            cue=cue,
            bits=bits,
            distance=distance,
            noise=noise,
            labels=max(counts.values()),
        )
        if evaluation_noise is not None:
            require_fraction(evaluation_noise=evaluation_noise)
        other = noise if evaluation_noise is None else evaluation_noise
        self.tasks = {
            split: replace(task, characters=counts[split], barcode_seed=index, noise=other)
            for index, split in enumerate(SPLITS)
        }
        super().__init__(
            task,
            environments,
            blocks_per_epoch,
            val_environments,
            val_blocks,
            test_environments,
            test_blocks,
            evaluation_seed,
            self.tasks["test"],
            predict_environments,
            predict_blocks,
        )
        self.predict_split = predict_split
        self.save_hyperparameters()

    def prepare_data(self) -> None:
        """Find, download or generate the data set and decode it into the cache."""
        if self.task.cue == "drawing":
            self.characters.prepare_data()

    def setup(self, stage: str | None = None) -> None:
        """Load the drawings; a second call changes nothing."""
        if self.task.cue != "drawing" or hasattr(self.characters, "test"):
            return
        self.characters.setup(stage)
        for split in SPLITS:
            part = self.part(split)
            counts = part.labels.bincount(minlength=len(part.class_names))
            few = int(counts.argmin())
            require(
                bool((counts == self.task.drawings).all()),
                f"character {part.class_names[few]} has {int(counts[few])} drawings: drawings is "
                f"{self.task.drawings}, and each has to have so many",
            )

    def part(self, split: str) -> OmniglotPart:
        """The drawings that blocks of `train`, `val`, `test` or `predict` are made of, after `setup`."""
        part: OmniglotPart = getattr(self.characters, self.characters_of(split))
        return part

    def characters_of(self, split: str) -> str:
        """The split whose characters blocks of `train`, `val`, `test` or `predict` are made of."""
        return self.predict_split if split == "predict" else split

    def _evaluation_dataset(self, split: str) -> BlockDataset:
        task = self.tasks[self.characters_of(split)]
        return BlockDataset(task, self.evaluation[split][0], self.evaluation_seed, split)


def _drawings_module(
    generated: bool,
    root: str | None,
    image_size: int,
    validation_alphabets: int | None,
    split_seed: int,
    check_counts: bool,
    drawings: int,
    cache_dir: str | None,
) -> OmniglotDataModule:
    """Where the drawings come from."""
    if generated:
        return GeneratedOmniglotDataModule(
            drawings=drawings,
            image_size=image_size,
            validation_alphabets=validation_alphabets,
            split_seed=split_seed,
            cache_dir=cache_dir,
        )
    return OmniglotDataModule(
        root=root,
        image_size=image_size,
        validation_alphabets=validation_alphabets,
        split_seed=split_seed,
        cache_dir=cache_dir,
        check_counts=check_counts,
    )
