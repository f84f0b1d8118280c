"""The barcode bandit of Ritter et al. 2018, section 4.1."""

from datamodules.bandit import BanditDataModule
from tasks.barcode_bandit import BarcodeBandit


class BarcodeBanditDataModule(BanditDataModule):
    """Blocks of the barcode bandit; the defaults are the paper's numbers.

    Args:
        arms: number of arms.
        contexts: number of contexts in a block.
        exposures: how many times each context is met in a block.
        pulls: pulls in an episode.
        best: probability of a reward on a context's best arm.
        rest: probability of a reward on every other arm.
        bits: length of a barcode.
        every_arm_best: every arm is best in at least one context of a block.
        environments: independent environments in a training batch.
        blocks_per_epoch: training batches between two validations.
        val_environments: environments in a validation block.
        val_blocks: validation blocks.
        test_environments: environments in a test block.
        test_blocks: test blocks.
        evaluation_seed: of the validation and test blocks.

    Raises:
        InputError: numbers that make no task, see `tasks.bandit.Bandit` and `tasks.barcodes`.
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
        environments: int = 64,
        blocks_per_epoch: int = 10,
        val_environments: int = 256,
        val_blocks: int = 1,
        test_environments: int = 1024,
        test_blocks: int = 2,
        evaluation_seed: int = 0,
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
        )
        self.save_hyperparameters()
