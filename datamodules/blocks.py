"""Blocks of any task: new ones for every training batch, fixed ones for validation, test and prediction."""

from collections.abc import Iterator
from typing import NamedTuple

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler, SequentialSampler

from datamodules.evaluation_task import Setting, evaluation_task
from datamodules.hyperparameters import plain_settings
from datamodules.sampling import EpochBlocks, ResumableLoader, ShardedIndices, rank_and_world, run_seed
from episodic.errors import require, require_positive, require_seed
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec, block_seed
from episodic.tasks.task import Task


class BlockDataset(Dataset[BlockSpec]):
    """The blocks of a split; block `index` is a pure function of (seed, split, rank, index).

    >>> BlockDataset(BarcodeBandit(), batch_size=4, seed=0, split="test")[0].batch_size
    4
    """

    def __init__(self, task: Task, batch_size: int, seed: int, split: str, rank: int = 0) -> None:
        self.task, self.batch_size, self.seed, self.split, self.rank = task, batch_size, seed, split, rank

    def __getitem__(self, index: int) -> BlockSpec:
        return self.task.draw_block(self.batch_size, block_seed(self.seed, self.split, self.rank, index))


class BlockCount(NamedTuple):
    """The fixed blocks of an evaluation split."""

    environments: int  # in each block
    blocks: int


class BlockDataModule(pl.LightningDataModule):
    """Yields the block specifications of a task.

    Training blocks depend on the run's seed, the process's rank and the number of blocks before them. Validation, test
    and predict blocks depend only on `evaluation_seed`, so all runs are evaluated on the same blocks. No two splits
    share a block.

    Args:
        task: Any `episodic.tasks.Task`; in a config, `class_path` and `init_args`.
        environments: Environments B in a training batch.
        blocks_per_epoch: Training batches between two validations.
        val_environments: Environments in a validation block.
        val_blocks: Validation blocks.
        test_environments: Environments in a test block.
        test_blocks: Test blocks.
        predict_environments: Environments in a predict block.
        predict_blocks: Predict blocks.
        evaluation_seed: Seed of the validation, test and predict blocks.
        evaluation: Arguments of the task that differ in validation, test and predict blocks, e.g. `{"noise": 0.2}`.

    Raises:
        InputError: A number is not positive; `evaluation` does not make a task of the same sizes.

    >>> data = BlockDataModule(BarcodeBandit(bits=20), test_environments=4, evaluation={"noise": 0.1})
    >>> next(data.evaluation_blocks("test")).cues.shape
    torch.Size([100, 4, 20])
    >>> data.task_of("train").noise, data.task_of("test").noise
    (0.0, 0.1)
    """

    def __init__(
        self,
        task: Task = BarcodeBandit(),  # noqa: B008 -- tasks are immutable
        environments: int = 64,
        blocks_per_epoch: int = 10,
        val_environments: int = 256,
        val_blocks: int = 1,
        test_environments: int = 1024,
        test_blocks: int = 2,
        predict_environments: int = 256,
        predict_blocks: int = 2,
        evaluation_seed: int = 0,
        evaluation: dict[str, Setting] | None = None,
    ) -> None:
        settings = plain_settings(locals())
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
        require_seed(evaluation_seed=evaluation_seed)
        self.task, self.environments, self.blocks_per_epoch = task, environments, blocks_per_epoch
        self.block_counts = {
            "val": BlockCount(val_environments, val_blocks),
            "test": BlockCount(test_environments, test_blocks),
            "predict": BlockCount(predict_environments, predict_blocks),
        }
        self.evaluation_seed, self.evaluation = evaluation_seed, evaluation or {}
        self.evaluation_task = evaluation_task(task, self.evaluation)
        self.save_hyperparameters(settings)

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that an agent is built for, see `episodic.tasks.TaskSizes`."""
        return self.task.sizes._asdict()

    def task_of(self, split: str) -> Task:
        """Return the task whose blocks `train`, `val`, `test` or `predict` consists of."""
        return self.task if split == "train" else self.evaluation_task

    def train_dataloader(self) -> DataLoader[BlockSpec]:
        rank = self.trainer.global_rank if self.trainer is not None else 0
        dataset = BlockDataset(self.task_of("train"), self.environments, run_seed(), "train", rank)
        return _loader(dataset, EpochBlocks(self.blocks_per_epoch))

    def evaluation_blocks(self, split: str) -> Iterator[BlockSpec]:
        """Yield all fixed blocks of `val`, `test` or `predict`, on the CPU."""
        dataset = self._evaluation_dataset(split)
        return (dataset[index] for index in range(self.block_counts[split].blocks))

    def _evaluation_dataset(self, split: str) -> BlockDataset:
        return BlockDataset(self.task_of(split), self.block_counts[split].environments, self.evaluation_seed, split)

    def _evaluation_loader(self, split: str) -> DataLoader[BlockSpec]:
        blocks = self.block_counts[split].blocks
        # A process without a block would leave the others waiting for its part of the metrics. With fewer blocks than
        # processes, every process plays all blocks, which does not change any mean.
        shared = blocks >= rank_and_world()[1]
        sampler = ShardedIndices(blocks) if shared else SequentialSampler(range(blocks))
        return _loader(self._evaluation_dataset(split), sampler)

    def val_dataloader(self) -> DataLoader[BlockSpec]:
        return self._evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[BlockSpec]:
        return self._evaluation_loader("test")

    def predict_dataloader(self) -> DataLoader[BlockSpec]:
        blocks, processes = self.block_counts["predict"].blocks, rank_and_world()[1]
        require(
            blocks >= processes, f"predict_blocks is {blocks}: {processes} processes need at least one block for each"
        )
        return self._evaluation_loader("predict")


def _loader(dataset: BlockDataset, sampler: Sampler[int]) -> DataLoader[BlockSpec]:
    return ResumableLoader(dataset, batch_size=None, sampler=sampler, collate_fn=_unchanged)  # type: ignore[arg-type]


def _unchanged(spec: BlockSpec) -> BlockSpec:
    return spec
