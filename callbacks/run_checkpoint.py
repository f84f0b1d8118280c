"""A run's checkpoints, `checkpoints/best.ckpt` and `last.ckpt`, written at the end of an epoch.

Between two epochs nothing is in progress, so a resumed run continues exactly.
"""

import os
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from callbacks.metrics_csv import MetricsCSV


def moved(state: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return a checkpoint callback's state with all its checkpoints in `folder`.

    Without this, ModelCheckpoint forgets the best score of a run that was moved, or that is named by another path.
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
    """Keep the best checkpoint as `best.ckpt`.

    Args:
        monitor: name of the validation metric that decides; None keeps the newest checkpoint.
        mode: whether a larger (`max`) or a smaller (`min`) metric is better.
        every_n_epochs: epochs between two checkpoints, for `best.ckpt` and `last.ckpt`.
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
    """Keep the newest checkpoint, to resume from, as `last.ckpt`.

    The checkpoint records how many rows of metrics were logged, so that a resumed run's logs continue from there.
    (`save_last` of ModelCheckpoint writes only when the best checkpoint changes.)

    Args:
        folder: of the run's checkpoints.
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
    """Return the rows of `metrics.csv` and the last step logged when a checkpoint was written.

    (None, 0) for a checkpoint without that record.

    >>> logged_before({"callbacks": {"LastCheckpoint": {"logged": {"rows": 3, "step": 900}}}})
    (3, 900)
    """
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(state, dict) and isinstance(state.get("logged"), dict):
            return int(state["logged"]["rows"]), int(state["logged"]["step"])
    return None, 0


class RandomState(pl.Callback):
    """Save the state of torch's random generators (CPU and CUDA) in checkpoints, and restore it on a resume."""

    def __init__(self) -> None:
        super().__init__()
        self._saved: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = state_dict

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Not when the checkpoint is loaded: the rest of the start-up draws random numbers, too.
        saved, self._saved = self._saved, None
        if saved is None:
            return
        torch.set_rng_state(saved["cpu"])
        if torch.cuda.is_available() and len(saved["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(saved["cuda"])
