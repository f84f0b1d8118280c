"""Lightning's callbacks in a run: those that cannot work are refused in one line before the training."""

from collections.abc import Sequence

from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.callbacks import (
    BatchSizeFinder,
    Callback,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelPruning,
    StochasticWeightAveraging,
)
from pytorch_lightning.callbacks.finetuning import BackboneFinetuning

from episodic.errors import require

#: Callbacks that no stage works with, and what to use.
REFUSED: dict[type[Callback], str] = {
    StochasticWeightAveraging: (
        "config.yaml cannot hold its settings, and checkpoints have its average at the end at most; use "
        "pytorch_lightning.callbacks.EMAWeightAveraging, whose average is in all of them"
    ),
    ModelPruning: "config.yaml cannot hold its settings, so that the run could not be resumed or tested; leave it out",
}
#: Callbacks that need Lightning to take the optimiser steps, and what to use if the model does.
AUTOMATIC: dict[type[Callback], str] = {
    GradientAccumulationScheduler: "use --data.environments for larger batches",
    LearningRateFinder: "compare learning rates by experiments.search.study",
}


def check_callbacks(
    callbacks: Sequence[Callback], model: LightningModule, data: LightningDataModule, resuming: bool
) -> None:
    """Raise `InputError` for a callback that cannot work with this model and these data."""
    for callback in callbacks:
        name = f"trainer.callbacks has {type(callback).__name__}"
        for kind, reason in REFUSED.items():
            require(not isinstance(callback, kind), f"{name}: {reason}")
        for kind, instead in AUTOMATIC.items():
            require(
                model.automatic_optimization or not isinstance(callback, kind),
                f"{name}: {type(model).__name__} makes its own optimiser steps; {instead}",
            )
        require(
            not isinstance(callback, BatchSizeFinder) or hasattr(data, "batch_size"),
            f"{name}: {type(data).__name__} has no batch_size",
        )
        require(
            not isinstance(callback, BatchSizeFinder | LearningRateFinder) or not resuming,
            f"{name}: a resumed training cannot search again; give --trainer.callbacks without it",
        )
        require(
            not isinstance(callback, BackboneFinetuning) or hasattr(model, "backbone"),
            f"{name}: {type(model).__name__} has no backbone; model.warm_start.freeze of an agent and model.trained of "
            "a hidden-state encoder keep a network unchanged",
        )
