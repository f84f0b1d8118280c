"""`checkpoints/best.ckpt` and `last.ckpt`, written at the end of an epoch.

Nothing is then under way that a resume could not take up again.
"""

import os
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from callbacks.metrics_csv import MetricsCSV


def moved(state: dict[str, Any], folder: str) -> dict[str, Any]:
    """A checkpoint callback's state as if its checkpoints had always lain in `folder`.

    A run may be moved, or named by a relative path one day and an absolute one the next; ModelCheckpoint
    would then forget which figure was the best.
    """

    def here(path: str) -> str:
        return os.path.join(folder, os.path.basename(path)) if path else path

    paths = ("best_model_path", "kth_best_model_path", "last_model_path")
    return {
        **state,
        **{name: here(state[name]) for name in paths},
        "best_k_models": {here(path): score for path, score in state["best_k_models"].items()},
        "dirpath": folder,
    }


class RunCheckpoint(ModelCheckpoint):
    """Keeps the best checkpoint by a validation figure, as `best.ckpt`.

    Args:
        monitor: name of the figure that makes a checkpoint the best; None keeps the newest as the best.
        mode: whether a larger (`max`) or a smaller (`min`) figure is better.
        every_n_epochs: epochs between two checkpoints, of `best.ckpt` and of `last.ckpt`.
    """

    def __init__(self, monitor: str | None = None, mode: str = "max", every_n_epochs: int = 1) -> None:
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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(moved(state_dict, str(self.dirpath)))


class LastCheckpoint(ModelCheckpoint):
    """Keeps the newest checkpoint, to resume from, as `last.ckpt`.

    With it goes how much had been logged, so that a resumed run's logs go on from there. (`save_last` of
    ModelCheckpoint writes only when the best checkpoint changes.)

    Args:
        folder: the run's folder of checkpoints.
        every_n_epochs: epochs between two checkpoints.
    """

    def __init__(self, folder: str, every_n_epochs: int = 1) -> None:
        super().__init__(
            dirpath=folder,
            filename="last",
            every_n_epochs=every_n_epochs,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._log: MetricsCSV | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        self._log = next((logger for logger in trainer.loggers if isinstance(logger, MetricsCSV)), None)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        if self._log is not None:
            state["logged"] = {"rows": len(self._log.rows), "step": self._log.last_step}
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(moved(state_dict, str(self.dirpath)))


def logged_before(checkpoint: dict[str, Any]) -> tuple[int | None, int]:
    """Rows of `metrics.csv` and the last step that had been logged when a checkpoint was written.

    (None, 0) for a checkpoint that does not say.
    """
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(state, dict) and isinstance(state.get("logged"), dict):
            return int(state["logged"]["rows"]), int(state["logged"]["step"])
    return None, 0
