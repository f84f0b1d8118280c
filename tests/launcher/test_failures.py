"""Which failures of libraries count as the user's."""

import errno

import pytest
import torch

from episodic.errors import InputError
from launcher.errors.failures import cause_in_input, input_failures, of_input


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ModuleNotFoundError("No module named 'wandb'", name="wandb"), "^wandb is not installed: pip install wandb"),
        (ModuleNotFoundError("No module named 'sklearn.x'", name="sklearn.x"), "pip install scikit-learn"),
        (ImportError("Requirement 'mlflow>=1.0' not met."), "^mlflow is not installed: pip install mlflow"),
        (torch.OutOfMemoryError("CUDA out of memory."), "the GPU's memory is full: make sizes such as"),
        (MemoryError(), "the computer's memory does not suffice: make sizes"),
        (RuntimeError("can't allocate memory: you tried to allocate 2147483648 bytes."), r"\(2.0 GiB at once\)"),
        (OverflowError("Python int too large to convert to C long"), "a number is out of range: Python int"),
        (RuntimeError("Storage size calculation overflowed with sizes=[1]"), "a number is out of range"),
        (TypeError("failed to unpack, Overflow when unpacking long long\nframe #0"), "a number is out of range: it is"),
        (RuntimeError("You set `--ntasks=4` in your SLURM bash script. HINT: Use `--x`"), "script. Use `--x`"),
        (RuntimeError("Early stopping conditioned on metric `x` which is not available."), "Early stopping"),
        (OSError(errno.EACCES, "Permission denied", "/a"), "/a: Permission denied"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), "is not text in UTF-8"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_failures_that_the_input_causes_are_one_line(error: Exception, line: str) -> None:
    with pytest.raises(InputError, match=line) as raised, input_failures():
        raise error
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("a mistake"),
        KeyError("name"),
        RuntimeError("a mistake"),
        ModuleNotFoundError("No module named 'episodic.nosuch'", name="episodic.nosuch"),
    ],
    ids=repr,
)
def test_mistakes_in_the_code_keep_their_traceback(error: Exception) -> None:
    assert cause_in_input(error) is None
    with pytest.raises(type(error)), input_failures():
        raise error


def test_whatever_fails_as_the_input_is_taken_up_is_one_line() -> None:
    with pytest.raises(InputError, match="building the data failed: KeyError: 'name'"), of_input("building the data"):
        raise KeyError("name")
    with pytest.raises(InputError, match=r"^size is 0$"), of_input("building the data"):
        raise ValueError("size is 0")
