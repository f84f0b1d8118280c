"""The barcode bandit of Ritter et al. 2018, section 4.1."""

from dataclasses import replace

from datamodules.bandit import BanditDataModule
from episodic.errors import require_choice, require_fraction
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.barcode_noise import NOISE_KINDS


class BarcodeBanditDataModule(BanditDataModule):
    """Blocks of the barcode bandit; the defaults are the paper's numbers.

    Args:
        arms: number of arms.
        contexts: number of contexts in a block.
        exposures: how many times each context is met in a block, with the order `urn` on average.
        pulls: pulls in an episode.
        best: probability of a reward on a context's best arm.
        rest: probability of a reward on every other arm.
        bits: length of a barcode.
        every_arm_best: every arm is best in at least one context of a block.
        order: of the contexts, `bag` (each met equally often) or `urn` (the more often met, the likelier again).
        concentration: of the urn; the smaller, the fewer contexts make up a block.
        noise: share of its bits that are flipped in an episode's cue.
        noise_kind: where: `random`, or first of all `left`, `right`, `center` or `checkerboard`.
        clusters: number of Hamming clusters that the barcodes are shared out over; null draws them at random.
        cluster_spread: bits in which two barcodes of one cluster differ at most.
        cluster_separation: bits in which two barcodes of different clusters differ at least.
        vocabulary: number of fixed barcodes that all blocks take theirs from; null draws new ones for each block.
        vocabulary_seed: decides which barcodes are fixed.
        best_arms: only the first so many arms are ever a context's best; null: all.
        evaluation_noise: noise of the validation, test and predict blocks; null takes that of the training.
        evaluation_noise_kind: kind of that noise; null takes that of the training.
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
        InputError: numbers that make no task, see `episodic.tasks.barcode_bandit.BarcodeBandit`.
    """

    def __init__(
        self,
        arms: int = 10,
        contexts: int = 10,
        exposures: int = 10,
        pulls: int = 10,
        best: float = 0.9,
        rest: float = 0.1,
        bits: int = 10,
        every_arm_best: bool = True,
        order: str = "bag",
        concentration: float = 1.0,
        noise: float = 0.0,
        noise_kind: str = "random",
        clusters: int | None = None,
        cluster_spread: int = 2,
        cluster_separation: int = 4,
        vocabulary: int | None = None,
        vocabulary_seed: int = 0,
        best_arms: int | None = None,
        evaluation_noise: float | None = None,
        evaluation_noise_kind: str | None = None,
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
        task = BarcodeBandit(
            arms=arms,
            contexts=contexts,
            exposures=exposures,
            pulls=pulls,
            best=best,
            rest=rest,
            bits=bits,
            every_arm_best=every_arm_best,
            order=order,
            concentration=concentration,
            noise=noise,
            noise_kind=noise_kind,
            clusters=clusters,
            cluster_spread=cluster_spread,
            cluster_separation=cluster_separation,
            vocabulary=vocabulary,
            vocabulary_seed=vocabulary_seed,
            best_arms=best_arms,
        )
        super().__init__(
            task,
            environments,
            blocks_per_epoch,
            val_environments,
            val_blocks,
            test_environments,
            test_blocks,
            evaluation_seed,
            _with_noise(task, evaluation_noise, evaluation_noise_kind),
            predict_environments,
            predict_blocks,
        )
        self.save_hyperparameters()


def _with_noise(task: BarcodeBandit, noise: float | None, kind: str | None) -> BarcodeBandit:
    """The task with another noise; None keeps its own."""
    if noise is not None:
        require_fraction(evaluation_noise=noise)
        task = replace(task, noise=noise)
    if kind is not None:
        require_choice("evaluation_noise_kind", kind, NOISE_KINDS)
        task = replace(task, noise_kind=kind)
    return task
