"""`checkpoints/best.ckpt` and `last.ckpt`, written at the end of an epoch."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from callbacks.metrics_csv import MetricsCSV


class RunCheckpoint(ModelCheckpoint):
    """Keeps the best checkpoint by a validation figure, and the last, to resume from.

    Checkpoints are written where an epoch ends, after its validation: nothing is then under way that a
    resume could not take up again. With them goes how much had been logged, so that a resumed run's logs
    go on from there.

    Args:
        monitor: name of the figure that makes a checkpoint the best; None keeps the newest as the best.
        mode: whether a larger (`max`) or a smaller (`min`) figure is better.
        every_n_epochs: epochs between two checkpoints.
    """

    def __init__(self, monitor: str | None = None, mode: str = "max", every_n_epochs: int = 1) -> None:
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            save_last=True,
            save_top_k=1,
            every_n_epochs=every_n_epochs,
            save_on_train_epoch_end=True,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self._logged = {"rows": 0, "step": 0}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCSV):
                self._logged = {"rows": len(logger.rows), "step": logger.last_step}
        super().on_train_epoch_end(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "logged": dict(self._logged)}


def logged_before(checkpoint: dict[str, Any]) -> tuple[int, int]:
    """Rows of `metrics.csv` and the last step that had been logged when a checkpoint was written."""
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(state, dict) and isinstance(state.get("logged"), dict):
            return int(state["logged"]["rows"]), int(state["logged"]["step"])
    return 0, 0
