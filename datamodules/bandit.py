"""Blocks of bandit tasks: new ones for every training batch, fixed ones for validation, test and prediction."""

import os
from collections.abc import Iterator

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler, SequentialSampler

from datamodules.sampling import EpochBlocks, ShardedIndices, rank_and_world
from episodic.errors import require, require_positive
from episodic.tasks.bandit import Bandit
from episodic.tasks.blocks import BlockSpec, block_seed


class BlockDataset(Dataset[BlockSpec]):
    """Block `index` of a split: a pure function of (seed, split, rank, index)."""

    def __init__(self, task: Bandit, batch_size: int, seed: int, split: str, rank: int = 0) -> None:
        self.task, self.batch_size, self.seed, self.split, self.rank = task, batch_size, seed, split, rank

    def __getitem__(self, index: int) -> BlockSpec:
        return self.task.draw_block(self.batch_size, block_seed(self.seed, self.split, self.rank, index))


class BanditDataModule(pl.LightningDataModule):
    """Yields block specifications of a task; subclasses say which.

    Training blocks depend on the run's seed, the process's rank and how many came before; validation, test and
    predict blocks on `evaluation_seed` alone, so that all runs are judged on the same ones. No two of these
    splits share a block.

    Args:
        task: the rules.
        environments: independent environments B in a training batch.
        blocks_per_epoch: training batches between two validations.
        val_environments: environments in a validation block.
        val_blocks: validation blocks.
        test_environments: environments in a test block.
        test_blocks: test blocks.
        evaluation_seed: of the validation, test and predict blocks.
        evaluation_task: the rules of the validation, test and predict blocks, which may differ in their cues; None
            takes `task`.
        predict_environments: environments in a predict block.
        predict_blocks: predict blocks, each played by one process.
    """

    def __init__(
        self,
        task: Bandit,
        environments: int,
        blocks_per_epoch: int,
        val_environments: int,
        val_blocks: int,
        test_environments: int,
        test_blocks: int,
        evaluation_seed: int,
        evaluation_task: Bandit | None = None,
        predict_environments: int = 256,
        predict_blocks: int = 2,
    ) -> None:
        super().__init__()
        require_positive(
            environments=environments,
            blocks_per_epoch=blocks_per_epoch,
            val_environments=val_environments,
            val_blocks=val_blocks,
            test_environments=test_environments,
            test_blocks=test_blocks,
            predict_environments=predict_environments,
            predict_blocks=predict_blocks,
        )
        self.task, self.environments, self.blocks_per_epoch = task, environments, blocks_per_epoch
        self.evaluation = {
            "val": (val_environments, val_blocks),
            "test": (test_environments, test_blocks),
            "predict": (predict_environments, predict_blocks),
        }
        self.evaluation_seed = evaluation_seed
        self.evaluation_task = task if evaluation_task is None else evaluation_task

    @property
    def sizes(self) -> dict[str, int]:
        """What a model has to know of the data: filled into its arguments of the same name."""
        return {
            "actions": self.task.arms,
            "cue_size": self.task.cue_size,
            "label_count": self.task.label_count,
            "pulls": self.task.pulls,
            "episodes": self.task.episodes,
        }

    def train_dataloader(self) -> DataLoader[BlockSpec]:
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        rank = self.trainer.global_rank if self.trainer is not None else 0
        dataset = BlockDataset(self.task, self.environments, seed, "train", rank)
        return _loader(dataset, EpochBlocks(self.blocks_per_epoch))

    def evaluation_blocks(self, split: str) -> Iterator[BlockSpec]:
        """The fixed blocks of `val`, `test` or `predict`, all of them, on the CPU."""
        dataset = self._evaluation_dataset(split)
        return (dataset[index] for index in range(self.evaluation[split][1]))

    def _evaluation_dataset(self, split: str) -> BlockDataset:
        return BlockDataset(self.evaluation_task, self.evaluation[split][0], self.evaluation_seed, split)

    def _evaluation_loader(self, split: str) -> DataLoader[BlockSpec]:
        blocks = self.evaluation[split][1]
        # A process without a block would leave the others waiting for its share of the metrics: where there are
        # fewer blocks than processes all play all of them, which leaves every mean as it is.
        shared = blocks >= rank_and_world()[1]
        sampler = ShardedIndices(blocks) if shared else SequentialSampler(range(blocks))
        return _loader(self._evaluation_dataset(split), sampler)

    def val_dataloader(self) -> DataLoader[BlockSpec]:
        return self._evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[BlockSpec]:
        return self._evaluation_loader("test")

    def predict_dataloader(self) -> DataLoader[BlockSpec]:
        blocks, processes = self.evaluation["predict"][1], rank_and_world()[1]
        require(
            blocks >= processes, f"predict_blocks is {blocks}: {processes} processes need at least one block for each"
        )
        return self._evaluation_loader("predict")


def _loader(dataset: BlockDataset, sampler: Sampler[int]) -> DataLoader[BlockSpec]:
    return DataLoader(dataset, batch_size=None, sampler=sampler, collate_fn=_as_is)  # type: ignore[arg-type]


def _as_is(spec: BlockSpec) -> BlockSpec:
    return spec
