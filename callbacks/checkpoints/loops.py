"""Lightning's training loops, which stop and continue between two batches.

Lightning ends an epoch where a training stops, and so loses the rest of it; and it takes a finished epoch for an
unfinished one where `max_steps` is set. These loops leave an epoch unfinished: `last.ckpt` holds the state between two
batches, before the validation of a training that stops.
"""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loops.fit_loop import _FitLoop
from pytorch_lightning.loops.training_epoch_loop import _TrainingEpochLoop
from pytorch_lightning.utilities.exceptions import SIGTERMException

from callbacks.checkpoints.finite_losses import divergence_named
from callbacks.checkpoints.last import LastCheckpoint
from callbacks.checkpoints.stopping import limit_reached, signals_handled


class ExactEpochLoop(_TrainingEpochLoop):
    """An epoch that is left and entered again between two batches."""

    between_batches = False  # whether the checkpoint was, or is, written between two batches
    held_stop = False  # whether a callback asked to stop after this batch

    def advance(self, data_fetcher: Any) -> None:
        fit_loop = self.trainer.fit_loop
        assert isinstance(fit_loop, ExactFitLoop)
        # Gradients of several batches that are added up are not part of a checkpoint.
        if not self._should_accumulate() and fit_loop.asked_to_end():
            fit_loop.save_between_batches()
            raise fit_loop.ending or SIGTERMException
        super().advance(data_fetcher)

    def on_advance_end(self, data_fetcher: Any) -> None:
        if self._skip_next_val and self.between_batches:
            self._skip_next_val = False  # entered again: this batch had its end, and its validation, before
            return
        super().on_advance_end(data_fetcher)
        if self.held_stop and not self._should_accumulate():
            self.held_stop, self.trainer.should_stop = False, True

    def _broadcast_sigterm_tensor(self) -> None:
        """Do nothing: `advance` makes all processes stop at the same batch."""

    def on_save_checkpoint(self) -> dict[str, Any]:
        return {**super().on_save_checkpoint(), "between_batches": self.between_batches}

    def on_load_checkpoint(self, state_dict: dict[str, Any]) -> None:
        super().on_load_checkpoint(state_dict)
        self.between_batches = bool(state_dict.get("between_batches", False))

    def on_iteration_done(self) -> None:
        super().on_iteration_done()
        self.between_batches = False


class ExactFitLoop(_FitLoop):
    """A training that leaves its last epoch unfinished if it stops within it."""

    ending: type[BaseException] | None = None  # how a signal asked this process to end

    def run(self) -> None:
        self.ending = None
        with signals_handled(self._end_with), divergence_named(self.trainer):
            super().run()

    def _end_with(self, ending: type[BaseException]) -> None:
        self.ending = ending

    def asked_to_end(self) -> bool:
        """Whether a signal has asked any of the processes to end."""
        return bool(self.trainer.strategy.reduce_boolean_decision(self.ending is not None, all=False))

    def save_between_batches(self) -> bool:
        """Write `last.ckpt` inside an epoch; False if this training keeps none."""
        assert isinstance(self.epoch_loop, ExactEpochLoop)
        self.epoch_loop.between_batches = True
        keepers = [callback for callback in self.trainer.checkpoint_callbacks if isinstance(callback, LastCheckpoint)]
        for keeper in keepers:
            keeper.save_inside_epoch(self.trainer)
        self.epoch_loop.between_batches = False
        return bool(keepers)

    def _iteration_based_training(self) -> bool:
        return False  # the epochs have a known length, with `max_steps` as well

    def setup_data(self) -> None:
        super().setup_data()
        self._load_combined_loader_states()  # the loaders may be older than the loaded checkpoint

    def on_run_start(self) -> None:
        super().on_run_start()
        if not self.restarting:
            self._resuming_from_checkpoint = False  # a whole epoch follows, with its own iterator

    def on_advance_end(self) -> None:
        if limit_reached(self.trainer) and not self.epoch_loop._num_ready_batches_reached():
            if self.save_between_batches():
                self._validate()  # not in a learning-rate finder's training
            self.trainer._logger_connector.epoch_end_reached()
            return
        super().on_advance_end()

    def _validate(self) -> None:
        """Validate a training when it stops."""
        if self.epoch_loop._should_check_val_epoch():
            connector = self.trainer._logger_connector
            first = connector._first_loop_iter
            self.trainer.validating = True
            self.epoch_loop.val_loop.run()
            self.trainer.training = True
            connector._first_loop_iter = first


class HeldStop(pl.Callback):
    """Delay a stop until the batch is logged and, if it is due, validated as in a training that continues."""

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        epoch_loop = trainer.fit_loop.epoch_loop
        if trainer.should_stop and isinstance(epoch_loop, ExactEpochLoop):
            epoch_loop.held_stop, trainer.should_stop = True, False


def use_exact_loops(trainer: pl.Trainer) -> None:
    """Have a trainer stop and continue between two batches."""
    trainer.callbacks.append(HeldStop())  # type: ignore[attr-defined]  # the last one, after those that ask
    epoch_loop = ExactEpochLoop(trainer, trainer.min_steps, trainer.max_steps)
    trainer.fit_loop = ExactFitLoop(trainer, trainer.min_epochs, trainer.max_epochs)
    trainer.fit_loop.epoch_loop = epoch_loop
