"""TensorBoard's hyperparameters tab: every run's settings beside what it reached."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger


class HyperparameterTab(pl.Callback):
    """When training ends, logs the model's and the data's settings with the last figure of the checkpoint's monitor."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        monitor = getattr(trainer.checkpoint_callback, "monitor", None)
        reached = trainer.callback_metrics.get(monitor) if monitor else None
        if reached is None or not trainer.is_global_zero:
            return
        settings = flat({**dict(getattr(trainer.datamodule, "hparams", {})), **dict(pl_module.hparams)})  # type: ignore[attr-defined]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(settings, {f"hparams/{monitor}": float(reached)})


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as `a/b/c`; the class of an injected part stands under its own name."""
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if name.startswith("_"):
            continue
        key = prefix + {"class_path": "class", "init_args": ""}.get(name, name)
        if isinstance(value, Mapping):
            result.update(flat(value, key + "/" if key != prefix else prefix))
        elif isinstance(value, str | int | float | bool):
            result[key] = value
    return result
