"""Refuses to watch a metric that is not logged, before a training depends on it."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import pytorch_lightning as pl

from episodic.errors import require
from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.episodic_agent import EpisodicAgent
from lightning_modules.omniglot_encoder import OmniglotEncoder

#: Metrics that a stage always logs: whoever watches these costs no validation ahead of the training.
ALWAYS: dict[type[pl.LightningModule], tuple[str, ...]] = {
    EpisodicAgent: ("val/reward",),
    OmniglotEncoder: ("val/recall_at_1", "val/20way_1shot"),
    OmniglotAutoencoder: ("val/reconstruction_mse", "val/recall_at_1", "val/20way_1shot"),
}
LISTED = 12


class MonitorCheck(pl.Callback):
    """Check the `monitor` of other callbacks.

    Where one may be unknown, the whole validation set is evaluated once before the training (Lightning's sanity check),
    since nothing else tells which metrics there are.

    Args:
        callbacks: whose monitors are checked.
        model: that logs the metrics.
    """

    def __init__(self, callbacks: Iterable[pl.Callback], model: pl.LightningModule) -> None:
        super().__init__()
        names = {type(callback).__name__: getattr(callback, "monitor", None) for callback in callbacks}
        self.monitors = {
            "checkpoint.monitor" if name == "RunCheckpoint" else f"{name}.monitor": monitor
            for name, monitor in names.items()
            if isinstance(monitor, str)
        }
        always = next((metrics for kind, metrics in ALWAYS.items() if isinstance(model, kind)), ())
        self.unsure = {name: monitor for name, monitor in self.monitors.items() if monitor not in always}
        self.validated: set[str] = set()
        self.started = False

    @property
    def needs_validation(self) -> bool:
        """Whether the names of the metrics must be found by a validation before the training."""
        return any(not monitor.startswith("train/") for monitor in self.unsure.values())

    def on_sanity_check_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated = set(trainer.callback_metrics)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """After the first batch: the metrics of a validation and of a training step are known."""
        if self.started:
            return
        self.started = True
        if self.validated:
            early = {name: monitor for name, monitor in self.unsure.items() if not monitor.startswith("train/")}
            self._check(early, self.validated | set(trainer.callback_metrics))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After a validation, before any callback that needs its metrics."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            late = {name: monitor for name, monitor in self.monitors.items() if monitor.startswith("val/")}
            self._check(late, set(trainer.callback_metrics))

    def _check(self, monitors: dict[str, str], known: set[str]) -> None:
        for name, monitor in monitors.items():
            close = get_close_matches(monitor, sorted(known), n=3, cutoff=0.5)
            rest = sorted(known - set(close), key=lambda metric: ("exposure" in metric, metric))
            names = [*close, *(metric for metric in rest if "/" in metric)][:LISTED]
            require(monitor in known, f"{name} is {monitor!r}: it must be one of {', '.join(names)}")


def with_monitor_check(
    settings: dict[str, Any], callbacks: Iterable[pl.Callback], model: pl.LightningModule
) -> dict[str, Any]:
    """Return a trainer's settings with a `MonitorCheck` ahead of their callbacks.

    Args:
        settings: arguments of the trainer.
        callbacks: further ones, which come after those of the settings.
        model: that is trained.
    """
    own = settings.get("callbacks") or []
    own = own if isinstance(own, list) else [own]
    check = MonitorCheck([*own, *callbacks], model)
    changed = {**settings, "callbacks": [check, *own]}
    if check.needs_validation and not settings.get("fast_dev_run"):
        changed["num_sanity_val_steps"] = -1
    return changed
