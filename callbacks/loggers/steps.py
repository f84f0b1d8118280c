"""The step at which loggers show the results of a test: all of a run's curves and pictures share one x-axis."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from callbacks.checkpoints import logged_before


class CheckpointStep(pl.Callback):
    """Log the results of `test` and `validate` at the step at which their checkpoint was written.

    Args:
        checkpoint: that the command starts from; without one, nothing changes.
    """

    def __init__(self, checkpoint: dict[str, Any] | None) -> None:
        super().__init__()
        self.step: int | None = None
        if checkpoint is not None:
            rows, step = logged_before(checkpoint)
            self.step = int(checkpoint.get("global_step", 0)) if rows is None else step

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._log(trainer, pl_module)

    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.step is not None:
            pl_module.log("step", float(self.step), sync_dist=trainer.world_size > 1)
