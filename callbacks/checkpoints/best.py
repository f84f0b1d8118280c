"""A run's best checkpoint, `checkpoints/best.ckpt`."""

import os
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from episodic.errors import require_positive


class RunCheckpoint(ModelCheckpoint):
    """Keep the best checkpoint as `best.ckpt`, chosen among the ends of epochs.

    A training that was validated but reached no such end gets a `best.ckpt` of the state in which it stopped. The
    callback's saved state contains scores and no paths, so a checkpoint cannot cause files to be written or deleted.

    Args:
        monitor: name of the validation metric that decides; None keeps the newest checkpoint.
        mode: whether a larger (`max`) or a smaller (`min`) metric is better.
        every_n_epochs: epochs between two checkpoints, for `best.ckpt` and `last.ckpt`. The last state of a training is
            always saved as `last.ckpt`.

    Raises:
        InputError: `every_n_epochs` is not positive.
    """

    def __init__(self, monitor: str | None = None, mode: str = "max", every_n_epochs: int = 1) -> None:
        require_positive(**{"checkpoint.every_n_epochs": every_n_epochs})
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            every_n_epochs=every_n_epochs,
            save_on_train_epoch_end=True,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self.interval = every_n_epochs

    @property
    def path(self) -> str:
        """The checkpoint's file."""
        return os.path.join(str(self.dirpath), f"best{self.FILE_EXTENSION}")

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """As in the base class; a NaN score is never the best."""
        return current is not None and not bool(current.isnan()) and super().check_monitor_top_k(trainer, current)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the last state if no epoch's end was saved."""
        known = self.monitor is None or self.monitor in trainer.callback_metrics
        if known and not self.best_model_path and trainer.global_step > 0 and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self._save_checkpoint(trainer, self.path)

    def state_dict(self) -> dict[str, Any]:
        saved = bool(self.best_model_path)
        return {"saved": saved, "best_model_score": self.best_model_score, "current_score": self.current_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best score; the file is that of this run, wherever the run was when the score was saved."""
        score = state_dict.get("best_model_score")
        self.best_model_score = score if isinstance(score, Tensor) else None
        current = state_dict.get("current_score")
        self.current_score = current if isinstance(current, Tensor) else None
        if self.best_model_score is not None:
            self.kth_value, self.kth_best_model_path = self.best_model_score, self.path
            self.best_k_models = {self.path: self.best_model_score}
        if self.best_model_score is not None or state_dict.get("saved"):
            self.best_model_path = self.path
