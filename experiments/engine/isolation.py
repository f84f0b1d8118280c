"""Keeps a job apart from the next one in the same process: nothing that it sets stays."""

import gc
import logging
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TextIO

import numpy as np

NEIGHBOURS = ("distributed", "dask", "tornado")  # packages whose threads run in a worker


@contextmanager
def isolated() -> Iterator[None]:
    """Restore everything that a job changes in this process.

    That is the working directory, the environment, Python's path, filters of warnings, loggers, random generators,
    and torch's threads, default type and choices of algorithms. What a job needs should be imported before.
    """
    import torch

    _give_dask_its_own_generator()
    _spare_modules()
    folder, environment, path = os.getcwd(), dict(os.environ), list(sys.path)
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    loggers, disabled = _loggers(), logging.root.manager.disable
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    precision, benchmark = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn, gradients = torch.backends.cudnn.deterministic, torch.is_grad_enabled()
    anomalies = torch.is_anomaly_enabled()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        _restore(loggers)
        logging.disable(disabled)
        random.setstate(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002
        torch.set_rng_state(generators[2])
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = benchmark, cudnn
        torch.set_grad_enabled(gradients)
        torch.autograd.set_detect_anomaly(anomalies)
        gc.collect()  # models and trainers refer to themselves


@cache
def _spare_modules() -> None:
    """Leave all that this process has imported out of later collections of garbage: each would take 0.3 s."""
    gc.collect()
    gc.freeze()


@cache
def _give_dask_its_own_generator() -> None:
    """Give Dask's threads a separate random generator: they run beside a job and would draw from its."""
    own, shared = random.Random(), getattr(random.random, "__self__", None)
    own.Random = random.Random  # type: ignore[attr-defined] # it replaces the module
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] in NEIGHBOURS]:
        for name, value in list(vars(module).items()):
            if value is random:
                setattr(module, name, own)
            elif shared is not None and getattr(value, "__self__", None) is shared:
                setattr(module, name, getattr(own, value.__name__))


def _loggers() -> dict[str, tuple[int, bool, bool, list[logging.Handler], list[logging.Filter]]]:
    known = logging.root.manager.loggerDict.items()
    loggers = {name: logger for name, logger in known if isinstance(logger, logging.Logger)}
    return {
        name: (logger.level, logger.propagate, logger.disabled, list(logger.handlers), list(logger.filters))  # type: ignore[arg-type]
        for name, logger in {**loggers, "": logging.root}.items()
    }


def _restore(loggers: dict[str, tuple[int, bool, bool, list[logging.Handler], list[logging.Filter]]]) -> None:
    for name, (level, propagate, disabled, handlers, filters) in loggers.items():
        logger = logging.getLogger(name or None)
        if logger.level != level:
            logger.setLevel(level)  # forgets what all loggers have cached
        logger.propagate, logger.disabled = propagate, disabled
        logger.handlers[:], logger.filters[:] = handlers, filters


@contextmanager
def output_to(log: TextIO) -> Iterator[None]:
    """Send all that this process prints to a file, also what libraries print through streams they keep.

    The streams themselves are changed (descriptors 1 and 2), so only one job may run in a process.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = os.dup(1), os.dup(2)
    try:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for stream, before in zip((1, 2), kept, strict=True):
            os.dup2(before, stream)
            os.close(before)


def last_line(path: Path) -> str:
    """Return the last line of a log that is not empty, without characters that steer a terminal."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(character for character in line if character.isprintable())
