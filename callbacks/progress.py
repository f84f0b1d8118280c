"""The progress of a training: rate, the figure that matters, and the time left."""

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

#: Figures beside the bar, where a stage has them.
SHOWN = ("train/reward", "val/reward", "train/reconstruction_mse", "val/reconstruction_mse")


class TrainingProgress(ProgressBar):
    """One bar over the whole training on a terminal; a line every few seconds where there is none.

    Shows batches done, items a second (episodes of a bandit, hidden states, drawings), the newest training
    and validation figures, time gone and time left.

    Args:
        seconds_between_lines: pause between two lines where the output is no terminal.
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
        self._begun = self._last_line = time.monotonic()
        self._before = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        self._items = 0
        if self._enabled and self.console.is_terminal:
            self._bar = Progress(
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                TextColumn("{task.fields[figures]}"),
                console=self.console,
                refresh_per_second=4,
            )
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total or None, figures="")
            self._bar.update(self._task, completed=max(self._before, 0))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._items += _items(batch) * trainer.world_size
        now = time.monotonic()
        if self._bar is not None:
            done = trainer.fit_loop.epoch_loop.total_batch_idx + 1
            figures = self._figures(trainer, batch) if now - self._last_line > 0.25 else None
            if figures is not None:
                self._last_line = now
                self._bar.update(self._task, completed=done, figures=figures)
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

    def _figures(self, trainer: pl.Trainer, batch: Any) -> str:
        rate = self._items / max(time.monotonic() - self._begun, 1e-9)
        shown = [f"{rate:,.0f} {_name(batch)}/s"]
        metrics = trainer.callback_metrics
        shown += [f"{key} {float(metrics[key]):.4g}" for key in SHOWN if key in metrics]
        return "  ".join(shown)

    def _line(self, trainer: pl.Trainer, batch: Any) -> None:
        done = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        gone = time.monotonic() - self._begun
        left = gone / max(done - max(self._before, 0), 1) * max(self._total - done, 0)
        self.print(
            f"{done}/{self._total or '?'}  {self._figures(trainer, batch)}  {gone:.0f} s gone, {left:.0f} s left"
        )


def _name(batch: Any) -> str:
    """What a batch holds."""
    if hasattr(batch, "episodes"):
        return "episodes"
    return "states" if hasattr(batch, "pulls") else "drawings"


def _items(batch: Any) -> int:
    """Episodes in a block specification, else states or drawings in a batch."""
    if hasattr(batch, "episodes"):
        return int(batch.episodes * batch.batch_size)
    if hasattr(batch, "pulls"):
        return int(batch.inputs[..., 0].numel())
    return len(batch[0])
