"""Whether a training scales its loss, as half-precision gradients need."""

import pytorch_lightning as pl


def scales_gradients(trainer: pl.Trainer) -> bool:
    """Whether a gradient scaler multiplies the loss: `--trainer.precision 16-mixed` on a GPU."""
    return getattr(trainer.precision_plugin, "scaler", None) is not None
