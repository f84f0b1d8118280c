"""The progress of a command: rate, main metric and remaining time."""

import math
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from pytorch_lightning.trainer.states import TrainerFn

from datamodules.blocks import BlockDataModule
from datamodules.state_batches import StateBatch
from episodic.progress import Meter
from episodic.tasks.blocks import BlockSpec

#: Metrics to show, if the stage logs them.
SHOWN = ("train/reward", "val/reward", "train/reconstruction_mse", "val/reconstruction_mse")


class TrainingProgress(ProgressBar):
    """Show one bar for the whole training on a terminal; print a line every few seconds elsewhere.

    It shows finished batches and epochs, items a second (episodes, hidden states or drawings), the newest training and
    validation metrics, and the elapsed and remaining time. `validate`, `test` and `predict` have a bar of batches.

    Args:
        seconds_between_lines: pause between two lines.
    """

    def __init__(self, seconds_between_lines: float = 10.0) -> None:
        super().__init__()
        self.seconds_between_lines = seconds_between_lines
        self._meter: Meter | None = None
        self._enabled = True

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the meter: a bar holds a lock, which can neither be copied nor sent to another process."""
        return {**vars(self), "_meter": None}

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started, self._items = time.monotonic(), 0
        epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else 0
        self._open(trainer, "training", trainer.num_training_batches * epochs, _trained(trainer))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._items += count_items(batch)[0] * trainer.world_size
        if self._meter is not None:
            self._meter.update(_trained(trainer), lambda: self._note(trainer, batch))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:  # not during training
            self._open(trainer, "validating", sum(trainer.num_val_batches))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._open(trainer, "testing", sum(trainer.num_test_batches))

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._open(trainer, "predicting", sum(trainer.num_predict_batches))

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._advance()

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self._advance()

    def on_predict_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self._advance()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._close()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._close()

    def print(self, *args: Any, **kwargs: Any) -> None:
        print(*args, **kwargs, file=sys.stderr)

    def _open(self, trainer: pl.Trainer, doing: str, total: float, done: int = 0) -> None:
        self._close()
        if self._enabled:
            whole = int(total) if math.isfinite(total) else 0
            unit = "blocks" if isinstance(trainer.datamodule, BlockDataModule) else "batches"  # type: ignore[attr-defined]
            pause = self.seconds_between_lines
            self._meter = Meter(doing, whole, unit, done=done, patience=pause, pause=pause)

    def _advance(self) -> None:
        if self._meter is not None:
            self._meter.update(self._meter.done + 1)

    def _close(self) -> None:
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def _note(self, trainer: pl.Trainer, batch: Any) -> str:
        rate = self._items / max(time.monotonic() - self._started, 1e-9)
        epochs = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        shown = [f"epoch {trainer.current_epoch + 1}{epochs}", f"{rate:,.0f} {count_items(batch)[1]}/s"]
        metrics = trainer.callback_metrics
        shown += [f"{key} {float(metrics[key]):.4g}" for key in SHOWN if key in metrics]
        return "  ".join(shown)


def _trained(trainer: pl.Trainer) -> int:
    """Batches of the training that are done."""
    return trainer.fit_loop.epoch_loop.total_batch_idx + 1


def count_items(batch: Any) -> tuple[int, str]:
    """Count the episodes, states or drawings in a batch, and name them."""
    if isinstance(batch, BlockSpec):
        return batch.episodes * batch.batch_size, "episodes"
    if isinstance(batch, StateBatch):
        return int(batch.inputs[..., 0].numel()), "states"
    return len(batch[0]), "drawings"
