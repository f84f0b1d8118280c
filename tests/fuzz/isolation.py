"""Runs a command so that it harms neither this process nor the computer, and ends soon."""

import os
import random
import resource
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from launcher.stage_cli import StageCLI

MEMORY = 6 * 2**30  # more than torch has mapped by then, less than what a huge size asks for
TIMERS = ((signal.ITIMER_PROF, signal.SIGPROF, 1), (signal.ITIMER_REAL, signal.SIGALRM, 10))


class TimedOut(BaseException):
    """The command took too long."""


class StartsProcesses(BaseException):
    """The command would start processes of its own: it was accepted."""


class OneBatch(pl.Callback):
    """Ends a training after its first batch, whatever its settings say."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = None, None
        trainer.should_stop = True


@contextmanager
def isolated(environment: dict[str, str], folder: Path, seconds: float) -> Iterator[None]:
    """Put back what a command changes in its process; let it not train long, start processes or use the network.

    Args:
        environment: variables to set.
        folder: working directory.
        seconds: of computing, after which `TimedOut` is raised.
    """
    here, variables = Path.cwd(), dict(os.environ)
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    numbers = (signal.SIGPROF, signal.SIGALRM, signal.SIGTERM, signal.SIGINT)
    signals = {number: signal.getsignal(number) for number in numbers}
    memory = resource.getrlimit(resource.RLIMIT_AS)
    deterministic = torch.are_deterministic_algorithms_enabled()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        _as_in_a_process_of_its_own()
        for patched in _patches():
            stack.enter_context(patched)
        os.environ.update({name: value for name, value in environment.items() if "\0" not in value})
        os.chdir(folder)
        # Seconds of this process, so that a busy computer makes no difference; and a limit for one that only waits.
        for timer, number, limit in TIMERS:
            signal.signal(number, _time_out)
            signal.setitimer(timer, seconds * limit, 1)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, memory[1]))
        try:
            yield
        finally:
            for timer, *_ in TIMERS:
                signal.setitimer(timer, 0)
            resource.setrlimit(resource.RLIMIT_AS, memory)
            for number, handler in signals.items():
                signal.signal(number, handler)
            os.chdir(here)
            os.environ.clear()
            os.environ.update(variables)
            torch.set_num_threads(threads)
            torch.set_default_dtype(dtype)
            torch.use_deterministic_algorithms(deterministic)
            random.setstate(generators[0])
            np.random.set_state(generators[1])  # noqa: NPY002
            torch.set_rng_state(generators[2])
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()


def _as_in_a_process_of_its_own() -> None:
    """Show warnings as Python does by default, on standard error; pytest would collect them."""
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)

    def show(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.showwarning = show


def _patches() -> list[Any]:
    def no_network(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    def no_processes(*_: Any, **__: Any) -> None:
        raise StartsProcesses

    build = StageCLI._instantiate_trainer

    def one_batch(self: StageCLI, config: dict[str, Any], callbacks: list[pl.Callback]) -> pl.Trainer:
        return build(self, config, [*callbacks, OneBatch()])

    return [
        patch.object(sys, "argv", ["cli.py"]),
        patch.object(socket.socket, "connect", no_network),
        patch.object(socket, "getaddrinfo", no_network),
        patch.object(_SubprocessScriptLauncher, "launch", no_processes),
        patch.object(_MultiProcessingLauncher, "launch", no_processes),
        patch.object(StageCLI, "_instantiate_trainer", one_batch),
    ]


def _time_out(*_: Any) -> None:
    raise TimedOut
