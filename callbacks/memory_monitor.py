"""Watches the memory of an agent: pictures of what it holds and of what its reads return."""

from typing import Any, cast

import pytorch_lightning as pl
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger

from callbacks.figures import keeps_files, save_figure
from episodic.errors import require
from episodic.memory.memory import Memory
from episodic.metrics.episode_statistics import BanditStatistics
from episodic.plots.memory_contents import MemoryContents, read_contents, require_environment
from episodic.plots.memory_map import map_figure
from episodic.plots.memory_recall import Reads, read_statistics, recall_figure
from episodic.plots.memory_similarity import similarity_figure
from episodic.tasks.blocks import BlockSpec


class MemoryMonitor(pl.Callback):
    """After `test` draws, into the run's `figures/` and TensorBoard:

    - `memory_similarity`: cosine similarity of each key with each, and of each value with each;
    - `memory_map`: keys and values in two dimensions, by principal components and t-SNE;
    - `memory_recall`: what the reads of all environments returned;

    and sends keys and values to TensorBoard's projector (`memory_keys`, `memory_values`). The first two and the
    projector show the memory of one environment as the first block left it. An agent without memory gets no
    pictures.

    Args:
        environment: whose memory is shown, from 0.
        tsne: whether `memory_map` has t-SNE maps.
        validation: whether `memory_similarity` and `memory_recall` go to TensorBoard after each validation too.

    Raises:
        InputError: an environment that the blocks do not have.
    """

    def __init__(self, environment: int = 0, tsne: bool = True, validation: bool = False) -> None:
        super().__init__()
        require(environment >= 0, f"environment is {environment}: environments are numbered from 0")
        self.environment, self.tsne, self.validation = environment, tsne, validation
        self._contents: MemoryContents | None = None
        self._reads: Reads | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Check that the blocks have the environment, before anything is played."""
        if _memory(pl_module) is None:
            return
        for split, (environments, _) in trainer.datamodule.evaluation.items():  # type: ignore[attr-defined]
            if split == "test" or self.validation:
                require_environment(self.environment, environments, split)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: BlockSpec,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._take_contents(trainer, pl_module, batch, batch_idx, "test")

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: BlockSpec,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._watches_validation(trainer):
            self._take_contents(trainer, pl_module, batch, batch_idx, "val")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._take_reads(trainer, pl_module, "test")

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._watches_validation(trainer):
            self._take_reads(trainer, pl_module, "val")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._contents is not None:
            _send_figure(trainer, similarity_figure(self._contents), "memory_similarity_val")
        if self._reads is not None:
            _send_figure(trainer, recall_figure(self._reads, "val"), "memory_recall_val")
        self._forget()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._contents is not None:
            save_figure(trainer, similarity_figure(self._contents), "memory_similarity")
            save_figure(trainer, map_figure(self._contents, tsne=self.tsne), "memory_map")
            _project(trainer, self._contents)
        if self._reads is not None:
            save_figure(trainer, recall_figure(self._reads, "test"), "memory_recall")
        self._forget()

    def _watches_validation(self, trainer: pl.Trainer) -> bool:
        return self.validation and not trainer.sanity_checking

    def _take_contents(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, spec: BlockSpec, index: int, split: str
    ) -> None:
        memory = _memory(pl_module)
        if memory is not None and index == 0 and keeps_files(trainer):
            self._contents = read_contents(memory, spec, self.environment, split)

    def _take_reads(self, trainer: pl.Trainer, pl_module: pl.LightningModule, split: str) -> None:
        memory = _memory(pl_module)
        if memory is None:
            return
        # Every process takes part in adding up, and keeps the sums only where it writes files.
        reads = read_statistics(cast(BanditStatistics, pl_module.statistics[split]), memory)  # type: ignore[index]
        self._reads = reads if keeps_files(trainer) else None

    def _forget(self) -> None:
        self._contents, self._reads = None, None


def _memory(pl_module: pl.LightningModule) -> Memory | None:
    memory = getattr(pl_module, "memory", None)
    return memory if isinstance(memory, Memory) else None


def _send_figure(trainer: pl.Trainer, figure: Figure, name: str) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure(f"figures/{name}", figure, trainer.global_step, close=False)


def _project(trainer: pl.Trainer, contents: MemoryContents) -> None:
    """Send keys and values with their labels and best arms to TensorBoard's projector."""
    if len(contents.labels) == 0:
        return
    metadata = [list(pair) for pair in zip(contents.labels.tolist(), contents.best_arms.tolist(), strict=True)]
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            for tag, vectors in (("memory_keys", contents.keys), ("memory_values", contents.values)):
                logger.experiment.add_embedding(
                    vectors,
                    metadata=metadata,
                    metadata_header=["label", "best arm"],
                    tag=tag,
                    global_step=trainer.global_step,
                )
