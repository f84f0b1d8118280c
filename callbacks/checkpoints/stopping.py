"""Whether a training stops, and the signals that ask it to."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException

#: What a signal ends a training with.
ENDINGS: dict[int, type[BaseException]] = {signal.SIGTERM: SIGTERMException, signal.SIGINT: KeyboardInterrupt}


def limit_reached(trainer: pl.Trainer) -> bool:
    """Whether `max_steps`, `max_time` or a callback ends the training here."""
    loop = trainer.fit_loop
    steps = loop.max_steps != -1 and trainer.global_step >= loop.max_steps
    return steps or (trainer.should_stop and loop._can_stop_early)


def stops_here(trainer: pl.Trainer) -> bool:
    """Whether the epoch that ends is the last one of this training."""
    loop = trainer.fit_loop
    epochs = loop.max_epochs not in (None, -1) and trainer.current_epoch + 1 >= int(loop.max_epochs or 0)
    return epochs or limit_reached(trainer)


@contextmanager
def signals_handled(ask: Callable[[type[BaseException]], None]) -> Iterator[None]:
    """Call `ask` with what SIGTERM or SIGINT ends a training with; a second SIGINT interrupts at once.

    Signals reach only the main thread: in another thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if number == signal.SIGINT:
            if interrupted:
                raise KeyboardInterrupt
            interrupted = True
            os.write(2, b"Stopping after this batch. Ctrl-C again stops at once.\n")
        ask(ENDINGS[number])

    earlier = {number: signal.signal(number, handle) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
