"""One-line errors for failures of libraries that the input causes."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning_fabric
import pytorch_lightning
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from episodic.errors import InputError
from launcher.messages import MISSING, one_line

#: Packages that are installed under another name than they are imported by.
INSTALLED_AS = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "comet_ml": "comet-ml",
}
#: Packages of the project itself: their absence is a fault of the code or of a `class_path`.
OWN = ("callbacks", "datamodules", "episodic", "experiments", "launcher", "lightning_modules")
NO_MEMORY = re.compile(r"can't allocate memory|[Cc]annot allocate memory|out of memory|Unable to allocate|bad_alloc")
TOO_LARGE = re.compile(
    r"calculation overflowed|[Oo]verflow when unpacking|multiplication overflow|too large to convert|"
    r"cannot fit 'int'|invalid dimension|too big|larger than the maximum|exceeds the limit|out of range|"
    r"Maximum allowed dimension|array is too big|negative dimension|int too big|cannot be converted to"
)
#: In the message of a `TypeError`, which quotes torch's own stack.
OVERFLOW = re.compile(r"[Oo]verflow when unpacking")
SLURM = re.compile(r"SLURM|srun|torchrun|MASTER_PORT|MASTER_ADDR")
NO_DEVICE = re.compile(r"No CUDA GPUs are|not compiled with CUDA|invalid device ordinal|Found no NVIDIA driver")
MONITOR = re.compile(r"[Ee]arly stopping conditioned on metric|could not find the monitored key")
#: Where Lightning's own files lie.
LIGHTNING = tuple(str(Path(str(package.__file__)).parent) for package in (pytorch_lightning, lightning_fabric))
FILES = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENOSPC,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.EDQUOT,
    errno.ELOOP,
    errno.EILSEQ,
}
SMALLER = "make sizes such as data.environments, data.batch_size, model.core.hidden_size or model.keys.capacity smaller"


def cause_in_input(error: BaseException) -> str | None:
    """Return the one line for a failure whose cause is the input; None for any other.

    >>> cause_in_input(ModuleNotFoundError("No module named 'wandb'", name="wandb"))
    'wandb is not installed: pip install wandb'
    >>> cause_in_input(AssertionError("a mistake in the code"))
    """
    message = str(error)
    if isinstance(error, MisconfigurationException):
        return message
    if isinstance(error, ImportError):
        return _missing(error)
    if isinstance(error, torch.OutOfMemoryError):
        return f"the GPU's memory is full: {SMALLER}, or use --trainer.accelerator cpu"
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | OSError | ValueError) and NO_MEMORY.search(message)
    ):
        size = re.search(r"allocate (\d+) bytes", message)
        much = f" ({int(size.group(1)) / 2**30:,.1f} GiB at once)" if size else ""
        return f"the computer's memory does not suffice{much}: {SMALLER}"
    if isinstance(error, TypeError) and OVERFLOW.search(message):
        return f"a number is out of range: it is too large; {SMALLER}"
    if isinstance(error, OverflowError) or (isinstance(error, RuntimeError | ValueError) and TOO_LARGE.search(message)):
        return f"a number is out of range: {one_line(message) or 'it is too large'}"
    if isinstance(error, OSError) and error.errno in FILES and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object!r} is not text in UTF-8"
    if isinstance(error, RuntimeError | ValueError | AssertionError):
        for kind in (SLURM, NO_DEVICE, MONITOR):
            if kind.search(message):
                return message.replace("HINT: ", "")
    if isinstance(error, RuntimeError | ValueError) and _raised_by_lightning(error):
        return message  # such as an interval that is longer than an epoch
    if type(error).__module__.partition(".")[0] in ("wandb", "mlflow", "comet_ml", "neptune"):
        return f"{type(error).__module__.partition('.')[0]}: {message}"
    return None


def _raised_by_lightning(error: BaseException) -> bool:
    """Whether the line that raised an error is one of Lightning's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(LIGHTNING)


def _missing(error: ImportError) -> str | None:
    """Name the package that is missing, and the command that installs it."""
    if MISSING.search(str(error)):
        return str(error)
    module = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and module and module not in OWN:
        name = INSTALLED_AS.get(module, module)
        return f"{name} is not installed: pip install {name}"
    return None


@contextmanager
def input_failures() -> Iterator[None]:
    """Turn failures whose cause is the input into an `InputError` of one line; others pass."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        line = cause_in_input(error)
        if line is None:
            raise
        raise InputError(one_line(line)) from error


@contextmanager
def of_input(what: str) -> Iterator[None]:
    """Turn every exception into an `InputError` of one line: for code that does nothing but take up the input.

    Args:
        what: is done with the input, for messages that say nothing by themselves.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        plain = isinstance(error, ValueError | TypeError | OSError | RuntimeError) and str(error)
        line = cause_in_input(error) or (str(error) if plain else f"{what} failed: {type(error).__name__}: {error}")
        raise InputError(one_line(line)) from error
