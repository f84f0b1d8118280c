"""Which of Lightning's hooks around an update somebody listens to."""

import pytorch_lightning as pl
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import SingleDeviceStrategy
from pytorch_lightning.utilities.model_helpers import is_overridden

#: The hooks of a backward pass, and of an optimiser's step.
HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")
#: Those that the module itself must not have; its `on_before_optimizer_step` is called in any case.
MODULE_HOOKS = ("backward", "manual_backward", "on_before_backward", "on_after_backward")


def updates_are_plain(trainer: pl.Trainer) -> bool:
    """Whether Lightning adds nothing to an update, so that the backward pass and the step may be called directly.

    This is so with one process, without mixed precision and profiler, where no callback and no subclass of the module
    has a hook around them. With a dozen callbacks, looking through all of them takes a tenth of an update's time.
    """
    module = trainer.lightning_module
    nobody_listens = not any(
        is_overridden(hook, callback, pl.Callback)
        for hook in HOOKS
        for callback in trainer.callbacks  # type: ignore[attr-defined]
    )
    return (
        nobody_listens
        and not any(is_overridden(hook, module, pl.LightningModule) for hook in MODULE_HOOKS)
        and type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) is Precision
        and type(trainer.profiler) is PassThroughProfiler  # type: ignore[attr-defined]
    )
