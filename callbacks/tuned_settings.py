"""Prints the setting that one of Lightning's finders chose."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import BatchSizeFinder, LearningRateFinder

FINDERS = (BatchSizeFinder, LearningRateFinder)


class TunedSettings(pl.Callback):
    """Print the setting that a finder chose, as the option that chooses it without a search.

    Args:
        finder: that searches before the training, `LearningRateFinder` or `BatchSizeFinder`.
    """

    def __init__(self, finder: pl.Callback) -> None:
        super().__init__()
        self.finder: Any = finder

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if isinstance(self.finder, BatchSizeFinder):
            chosen = f"--data.batch_size {self.finder.optimal_batch_size}"
        else:
            rate = self.finder.optimal_lr.suggestion() if self.finder.optimal_lr is not None else None
            chosen = f"--model.optimizer.lr {rate:.3g}" if rate is not None else "no learning rate: too few steps"
        print(f"{type(self.finder).__name__} chose {chosen}")
