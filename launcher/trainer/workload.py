"""Commands that would do nothing are refused, and parts that are skipped are named."""

import sys
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning import Trainer

from episodic.errors import require
from launcher.runs.ranks import rank

#: The trainer's option that limits what a command does, for each command.
LIMITS = {
    "fit": "limit_train_batches",
    "validate": "limit_val_batches",
    "test": "limit_test_batches",
    "predict": "limit_predict_batches",
}
#: The trainer's count of batches of each command.
COUNTS = {
    "fit": "num_training_batches",
    "validate": "num_val_batches",
    "test": "num_test_batches",
    "predict": "num_predict_batches",
}


def require_work(command: str, settings: Namespace) -> None:
    """Refuse settings by which a command does nothing; warn about a training without validation.

    Raises:
        InputError: a limit is 0, or the checkpoint's monitor needs a validation that never runs.
    """
    trainer = settings.trainer
    limits = [LIMITS[command], *(("max_epochs", "max_steps") if command == "fit" else ())]
    for name in limits:
        value = trainer.get(name)
        require(value is None or value != 0, f"trainer.{name} is 0: {command} would do nothing")
    reason = _without_validation(trainer) if command == "fit" and not trainer.fast_dev_run else None
    if reason is None:
        return
    monitor = settings.checkpoint.monitor
    require(
        not str(monitor).startswith("val/"),
        f"{reason}, so there is no validation: checkpoint.monitor is {monitor}, "
        "--checkpoint.monitor null trains without it",
    )
    if rank() == 0:
        print(f"warning: {reason}, so there is no validation", file=sys.stderr)


def require_done(trainer: Trainer, command: str) -> None:
    """Refuse a command that has found no data to work on.

    Raises:
        InputError: the data have no batch for it.
    """
    count: Any = getattr(trainer, COUNTS[command])
    batches = sum(count) if isinstance(count, list) else count
    require(batches > 0, f"{command} did nothing: the data have no batch for it")


def _without_validation(trainer: Namespace) -> str | None:
    """Say why a training never validates; None if it does."""
    if trainer.limit_val_batches == 0:
        return "trainer.limit_val_batches is 0"
    every, epochs = trainer.check_val_every_n_epoch, trainer.max_epochs
    if every is not None and epochs is not None and 0 < epochs < every:
        return f"trainer.check_val_every_n_epoch is {every} and trainer.max_epochs {epochs}"
    return None
