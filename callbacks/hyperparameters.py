"""The settings of a run beside its result, for loggers that compare runs."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from callbacks.pictures import log_settings


class HyperparameterTab(pl.Callback):
    """Log the settings of model and data when training ends, with the last value of the checkpoint's monitor."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        monitor = getattr(trainer.checkpoint_callback, "monitor", None)
        result = trainer.callback_metrics.get(monitor) if monitor else None
        if result is None:
            return
        settings = {**dict(getattr(trainer.datamodule, "hparams", {})), **dict(pl_module.hparams)}  # type: ignore[attr-defined]
        log_settings(trainer, flat(settings), {str(monitor): float(result)})


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name nested settings as `a/b/c`; the class of an injected part is named `part/class`.

    >>> flat({"memory": {"class_path": "EpisodicMemory", "init_args": {"threshold": 0.9}}, "_hidden": 1})
    {'memory/class': 'EpisodicMemory', 'memory/threshold': 0.9}
    """
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
