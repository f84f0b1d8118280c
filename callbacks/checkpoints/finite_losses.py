"""A training whose loss is no longer a number ends, and leaves its last good checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from episodic.errors import InputError

#: Batches between two looks at their losses: reading one waits for the device.
BATCHES = 100


class Diverged(InputError):
    """Report a training whose loss or weights are no longer numbers."""


class FiniteLosses(pl.Callback):
    """Raise `Diverged` if a loss or a weight is NaN or infinite; no checkpoint is written then.

    The losses of a hundred batches are read at once, and before each validation and checkpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        self._losses: list[Tensor] = []
        self._batches: list[tuple[int, int]] = []  # epoch and batch of each loss

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._losses.append(loss.detach())
            self._batches.append((trainer.current_epoch, batch_idx))
        if len(self._losses) >= BATCHES:
            self._check_losses(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._check_losses(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._check_losses(trainer)
        require_finite_weights(pl_module, f"epoch {trainer.current_epoch}")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._losses, self._batches = [], []

    def _check_losses(self, trainer: pl.Trainer) -> None:
        if not self._losses:
            return
        losses = torch.stack([loss.float().mean() for loss in self._losses]).cpu()
        batches, self._losses, self._batches = self._batches, [], []
        bad = [index for index, finite in enumerate(losses.isfinite().tolist()) if not finite]
        if not trainer.strategy.reduce_boolean_decision(bool(bad), all=False):
            return
        first = bad[0] if bad else len(losses) - 1
        loss = f"the loss is {float(losses[first])}" if bad else "the loss of another process is not finite"
        epoch, batch = batches[first]
        raise Diverged(message(loss, f"epoch {epoch}, batch {batch}"))


def require_finite_weights(module: pl.LightningModule, where: str) -> None:
    """Raise `Diverged` unless all weights are numbers."""
    weights = dict(module.named_parameters())
    if weights:
        finite = torch.stack([weight.detach().isfinite().all() for weight in weights.values()]).cpu()
        for name, fine in zip(weights, finite.tolist(), strict=True):
            if not fine:
                raise Diverged(message(f"{name} is not finite", where))


@contextmanager
def divergence_named(trainer: pl.Trainer) -> Iterator[None]:
    """Turn an error that a training step raises into `Diverged` if weights are not finite: they are its cause."""
    try:
        yield
    except Diverged:
        raise
    except Exception as error:
        where = f"epoch {trainer.current_epoch}, batch {max(trainer.fit_loop.epoch_loop.batch_idx, 0)}"
        try:
            require_finite_weights(trainer.lightning_module, where)
        except Diverged as diverged:
            raise diverged from error
        raise


def message(fault: str, where: str) -> str:
    """The message of a training that diverged.

    >>> message("the loss is nan", "epoch 0, batch 3")[:34]
    'the loss is nan in epoch 0, batch '
    """
    return (
        f"{fault} in {where} (both from 0): the training has diverged, a smaller learning rate may help; no checkpoint "
        "of it was written, and earlier ones are unchanged"
    )
