"""`metrics.json`: the figures of the last test, flat."""

import json
import os
from pathlib import Path

import pytorch_lightning as pl

from callbacks.figures import keeps_files


class MetricsJSON(pl.Callback):
    """After `test` writes `{"test/reward": 8.3, ...}` into the run's folder."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not keeps_files(trainer):
            return
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        replacement = folder / "metrics.json.tmp"
        replacement.write_text(json.dumps(metrics, indent=2) + "\n")
        os.replace(replacement, folder / "metrics.json")
