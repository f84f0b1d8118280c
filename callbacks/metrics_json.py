"""`metrics.json` and `validation.json`: the figures of the last test and of the last validation, flat."""

import json
import os
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from callbacks.figures import keeps_files


class MetricsJSON(pl.Callback):
    """After `test` writes `{"test/reward": 8.3, ...}` into the run's folder, after `validate` the like."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _write(trainer, "metrics.json")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:  # not amid a training
            _write(trainer, "validation.json")


def _write(trainer: pl.Trainer, name: str) -> None:
    if not keeps_files(trainer):
        return
    metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
    folder = Path(trainer.default_root_dir)
    folder.mkdir(parents=True, exist_ok=True)
    replacement = folder / f"{name}.tmp"
    replacement.write_text(json.dumps(metrics, indent=2) + "\n")
    os.replace(replacement, folder / name)
