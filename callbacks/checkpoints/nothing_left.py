"""Whether a checkpoint leaves a training anything to do."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Timer


def nothing_left(checkpoint: dict[str, Any], trainer: pl.Trainer) -> str | None:
    """Say that a training is finished, and how it continues; None if there is something to do.

    Args:
        checkpoint: from which the training would continue.
        trainer: with the limits of the training.
    """
    loops = checkpoint.get("loops", {}).get("fit_loop", {})
    epochs = loops.get("epoch_progress", {}).get("current", {}).get("processed", 0)
    steps, most_epochs = int(checkpoint.get("global_step", 0)), trainer.max_epochs
    if most_epochs not in (None, -1) and epochs >= int(most_epochs or 0):
        return f"this run has finished: {epochs} of {most_epochs} epochs; raise --trainer.max_epochs to go on"
    if trainer.max_steps != -1 and steps >= trainer.max_steps:
        return f"this run has finished: {steps} of {trainer.max_steps} steps; raise --trainer.max_steps to go on"
    for timer in (callback for callback in trainer.callbacks if isinstance(callback, Timer)):  # type: ignore[attr-defined]
        seconds, most = _trained_seconds(checkpoint), timer.time_remaining()
        if most is not None and seconds >= most:
            return f"this run has finished: {seconds:.0f} of {most:.0f} seconds; raise --trainer.max_time to go on"
    return None


def _trained_seconds(checkpoint: dict[str, Any]) -> float:
    timer = checkpoint.get("callbacks", {}).get("Timer", {})
    return float(timer.get("time_elapsed", {}).get("train", 0.0))
