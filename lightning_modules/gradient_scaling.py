"""Whether a training scales its loss, as half-precision gradients need."""

import pytorch_lightning as pl

from episodic.errors import require


def scales_gradients(trainer: pl.Trainer) -> bool:
    """Whether a gradient scaler multiplies the loss: `--trainer.precision 16-mixed` on a GPU."""
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def require_unscaled(trainer: pl.Trainer) -> None:
    """Raise `InputError` if an agent that is frozen would be trained with a gradient scaler."""
    require(
        not scales_gradients(trainer),
        "warm_start.freeze is true: with --trainer.precision 16-mixed every optimiser needs gradients to scale, so use "
        "bf16-mixed or 32-true",
    )
