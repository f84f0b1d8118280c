"""Checks of a command's settings that are made before anything is built of them."""

import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from jsonargparse import Namespace

from episodic.errors import require, require_seed

MOST_THREADS = 1024
LONGEST_NAME = 200
#: Numbers of the trainer that it divides by.
COUNTS = ("check_val_every_n_epoch", "accumulate_grad_batches")
#: Accelerators by name, and whether there is one.
ACCELERATORS: dict[str, Callable[[], bool]] = {
    "gpu": lambda: torch.cuda.is_available() or torch.backends.mps.is_available(),
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "tpu": lambda: find_spec("torch_xla") is not None,
}


def check_settings(settings: Namespace) -> None:
    """Raise `InputError` for what no stage can do.

    Args:
        settings: of a subcommand, as the parser made them.
    """
    for part in ("model", "data"):
        require(settings.get(part) is not None, f"no {part}: --config must name one, see configs/")
    for part in ("trainer", "checkpoint", "run"):
        require(settings.get(part) is not None, f"{part} is null: it must be a mapping, or be left out")
    require_finite(settings)
    require_seed(seed_everything=settings.seed_everything)
    for name in ("root", "name", "version"):
        value = settings.run.get(name)
        fine = value is None or (value.isprintable() and len(value.encode(errors="replace")) <= LONGEST_NAME)
        require(fine, f"run.{name} is {value!r:.100}: it must be printable and have {LONGEST_NAME} bytes at most")
    threads = settings.run.threads
    require(
        threads is None or 1 <= threads <= MOST_THREADS,
        f"run.threads is {threads}: it must lie between 1 and {MOST_THREADS}",
    )
    for name in COUNTS:
        count = settings.trainer.get(name)
        require(count is None or count >= 1, f"trainer.{name} is {count}: it must be 1 or more")
    accelerator = settings.trainer.accelerator
    available = ACCELERATORS.get(str(accelerator).lower())
    require(
        available is None or available(),
        f"trainer.accelerator is {accelerator!r}: this computer has none that torch can use; cpu works everywhere",
    )


def require_finite(settings: Any, name: str = "") -> None:
    """Raise `InputError` for the first number in nested settings that is NaN or infinite.

    >>> require_finite({"model": {"init_args": {"threshold": float("nan")}}})
    Traceback (most recent call last):
    episodic.errors.InputError: model.threshold is nan: it must be a finite number
    """
    if isinstance(settings, float):
        require(math.isfinite(settings), f"{name} is {settings}: it must be a finite number")
    elif isinstance(settings, Mapping | Namespace):
        for key, value in (vars(settings) if isinstance(settings, Namespace) else settings).items():
            require_finite(value, name if key == "init_args" else f"{name}.{key}".lstrip("."))
    elif isinstance(settings, list | tuple):
        for value in settings:
            require_finite(value, name)
