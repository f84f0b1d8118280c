"""The progress of a training: rate, main metric and remaining time."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from datamodules.state_batches import StateBatch
from episodic.tasks.blocks import BlockSpec

#: Metrics to show, if the stage logs them.
SHOWN = ("train/reward", "val/reward", "train/reconstruction_mse", "val/reconstruction_mse")


class TrainingProgress(ProgressBar):
    """Show one bar for the whole training on a terminal; print a line every few seconds elsewhere.

    It shows finished batches, items a second (episodes, hidden states or drawings), the newest training and validation
    metrics, and the elapsed and remaining time.

    Args:
        seconds_between_lines: pause between two lines.
    """

    def __init__(self, seconds_between_lines: float = 10.0) -> None:
        super().__init__()
        self.seconds_between_lines = seconds_between_lines
        self.console = Console(stderr=True)
        self._bar: Progress | None = None
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._total = int(trainer.num_training_batches * (trainer.max_epochs or 1))
        if trainer.max_epochs == -1:
            self._total = 0
        self._started = self._last_line = time.monotonic()
        self._before = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        self._items = 0
        if self._enabled and self.console.is_terminal:
            self._bar = Progress(
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                TextColumn("{task.fields[metrics]}"),
                console=self.console,
                refresh_per_second=4,
            )
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total or None, metrics="")
            self._bar.update(self._task, completed=max(self._before, 0))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._items += count_items(batch)[0] * trainer.world_size
        now = time.monotonic()
        if self._bar is not None:
            done = trainer.fit_loop.epoch_loop.total_batch_idx + 1
            shown = self._metrics(trainer, batch) if now - self._last_line > 0.25 else None
            if shown is not None:
                self._last_line = now
                self._bar.update(self._task, completed=done, metrics=shown)
        elif self._enabled and now - self._last_line > self.seconds_between_lines:
            self._last_line = now
            self._line(trainer, batch)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._bar is not None:
            done = trainer.fit_loop.epoch_loop.total_batch_idx + 1
            self._bar.update(self._task, completed=done, refresh=True)
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._stop()

    def print(self, *args: Any, **kwargs: Any) -> None:
        print(*args, **kwargs, file=sys.stderr)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _metrics(self, trainer: pl.Trainer, batch: Any) -> str:
        rate = self._items / max(time.monotonic() - self._started, 1e-9)
        shown = [f"{rate:,.0f} {count_items(batch)[1]}/s"]
        metrics = trainer.callback_metrics
        shown += [f"{key} {float(metrics[key]):.4g}" for key in SHOWN if key in metrics]
        return "  ".join(shown)

    def _line(self, trainer: pl.Trainer, batch: Any) -> None:
        done = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        elapsed = time.monotonic() - self._started
        left = elapsed / max(done - max(self._before, 0), 1) * max(self._total - done, 0)
        self.print(
            f"{done}/{self._total or '?'}  {self._metrics(trainer, batch)}  {elapsed:.0f} s elapsed, {left:.0f} s left"
        )


def count_items(batch: Any) -> tuple[int, str]:
    """Count the episodes, states or drawings in a batch, and name them."""
    if isinstance(batch, BlockSpec):
        return batch.episodes * batch.batch_size, "episodes"
    if isinstance(batch, StateBatch):
        return int(batch.inputs[..., 0].numel()), "states"
    return len(batch[0]), "drawings"
