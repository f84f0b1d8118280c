"""A run's newest checkpoint, `checkpoints/last.ckpt`, from which a training continues."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping

from callbacks.checkpoints.stopping import stops_here
from callbacks.metrics_csv import MetricsCSV
from episodic.files import unfinished


class LastCheckpoint(Checkpoint):
    """Keep the newest checkpoint as `last.ckpt`: of the end of an epoch, and of wherever a training stops.

    The checkpoint records how many rows of metrics were logged, so that a resumed run's logs continue from there.

    Args:
        folder: of the run's checkpoints.
        every_n_epochs: epochs between two checkpoints; the last epoch of a training is always saved.
    """

    def __init__(self, folder: str, every_n_epochs: int = 1) -> None:
        super().__init__()
        self.path, self.every_n_epochs = Path(folder) / "last.ckpt", every_n_epochs
        self._log: MetricsCSV | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Remove what a killed training left of checkpoints that it was writing."""
        self._log = next((logger for logger in trainer.loggers if isinstance(logger, MetricsCSV)), None)
        if stage == "fit" and trainer.is_global_zero:
            for path in unfinished(self.path.parent):
                with suppress(OSError):
                    path.unlink()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs == 0 or stops_here(trainer):
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write the checkpoint, after the metrics that it knows of."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if self._log is not None:
            self._log.flush()
        trainer.save_checkpoint(self.path)

    def save_inside_epoch(self, trainer: pl.Trainer) -> None:
        """Write the checkpoint between two batches; metrics of a validation that follows are apart from theirs."""
        self.save(trainer)
        if self._log is not None:
            self._log.seal()

    def state_dict(self) -> dict[str, Any]:
        if self._log is None:
            return {}
        return {"logged": {"rows": len(self._log.rows), "step": self._log.last_step}}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the configured patience of an early stopping; Lightning would take that of the checkpoint."""
        for callback in trainer.early_stopping_callbacks:
            state = checkpoint.get("callbacks", {}).get(callback.state_key)
            if isinstance(callback, EarlyStopping) and isinstance(state, dict):
                state["patience"] = callback.patience


def logged_before(checkpoint: dict[str, Any]) -> tuple[int | None, int]:
    """Return the rows of `metrics.csv` and the last step logged when a checkpoint was written.

    (None, 0) for a checkpoint without that record.

    >>> logged_before({"callbacks": {"LastCheckpoint": {"logged": {"rows": 3, "step": 900}}}})
    (3, 900)
    """
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(state, dict) and isinstance(state.get("logged"), dict):
            return int(state["logged"]["rows"]), int(state["logged"]["step"])
    return None, 0
