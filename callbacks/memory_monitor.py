"""Plots of an agent's memory: its contents, and the results of its reads."""

from typing import Any

import pytorch_lightning as pl

from callbacks.agent_reading import memory_of, read_contents, read_counts, require_environment, statistics_of
from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture
from episodic.errors import require
from episodic.plots.memory.memory_contents import MemoryContents
from episodic.plots.memory.memory_map import plot_memory_map
from episodic.plots.memory.memory_recall import ReadCounts, plot_recall
from episodic.plots.memory.memory_similarity import plot_memory_similarity
from episodic.tasks.blocks import BlockSpec


class MemoryMonitor(pl.Callback):
    """Plot an agent's memory after `test`; an agent whose memory has no slots gets no plots.

    - `memory_similarity`: cosine similarities of all keys, and of all values;
    - `memory_map`: keys and values in two dimensions, by principal components and t-SNE;
    - `memory_recall`: results of the reads of all environments.

    Keys and values also go to the loggers' embedding projector (`memory_keys`, `memory_values`). All but the reads
    show the memory of one environment at the end of the first block.

    Args:
        environment: number of the environment, from 0.
        tsne: whether `memory_map` includes t-SNE.
        validation: whether `memory_similarity` and `memory_recall` also go to the loggers after each validation.

    Raises:
        InputError: the blocks do not have the environment.
    """

    def __init__(self, environment: int = 0, tsne: bool = True, validation: bool = False) -> None:
        super().__init__()
        require(environment >= 0, f"environment is {environment}: environments are numbered from 0")
        self.environment, self.tsne, self.validation = environment, tsne, validation
        self._contents: MemoryContents | None = None
        self._reads: ReadCounts | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Check the environment before anything is played."""
        if memory_of(pl_module) is None:
            return
        for split in ("val", "test") if self.validation else ("test",):
            counts = trainer.datamodule.block_counts[split]  # type: ignore[attr-defined]
            require_environment(self.environment, counts.environments, split)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: BlockSpec,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._read_contents(trainer, pl_module, batch, batch_idx, "test")

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
            self._read_contents(trainer, pl_module, batch, batch_idx, "val")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._read_counts(trainer, pl_module, "test")

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._watches_validation(trainer):
            self._read_counts(trainer, pl_module, "val")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._contents is not None:
            log_picture(trainer, plot_memory_similarity(self._contents), "memory_similarity_val", file=False)
        if self._reads is not None:
            log_picture(trainer, plot_recall(self._reads, "val"), "memory_recall_val", file=False)
        self._contents, self._reads = None, None

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._contents is not None:
            log_picture(trainer, plot_memory_similarity(self._contents), "memory_similarity")
            log_picture(trainer, plot_memory_map(self._contents, tsne=self.tsne), "memory_map")
            _project(trainer, self._contents)
        if self._reads is not None:
            log_picture(trainer, plot_recall(self._reads, "test"), "memory_recall")
        self._contents, self._reads = None, None

    def _watches_validation(self, trainer: pl.Trainer) -> bool:
        return self.validation and not trainer.sanity_checking

    def _read_contents(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, spec: BlockSpec, index: int, split: str
    ) -> None:
        memory = memory_of(pl_module)
        if memory is not None and index == 0 and keeps_files(trainer):
            self._contents = read_contents(memory, spec, self.environment, split)

    def _read_counts(self, trainer: pl.Trainer, pl_module: pl.LightningModule, split: str) -> None:
        memory, statistics = memory_of(pl_module), statistics_of(pl_module, split)
        if memory is not None and statistics is not None:
            reads = read_counts(statistics, memory)  # in every process
            self._reads = reads if keeps_files(trainer) else None


def _project(trainer: pl.Trainer, contents: MemoryContents) -> None:
    """Send keys and values to the projector, with their labels and best arms."""
    facts = {"label": contents.labels}
    if contents.best_arms is not None:
        facts["best arm"] = contents.best_arms
    metadata = list(zip(*(column.tolist() for column in facts.values()), strict=True))
    for name, vectors in (("memory_keys", contents.keys), ("memory_values", contents.values)):
        log_embedding(trainer, Embedding(vectors, metadata, list(facts)), name)
