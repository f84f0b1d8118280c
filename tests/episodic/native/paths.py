"""The same code by native kernels and by PyTorch."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from torch import Tensor

from episodic.native import arithmetic

Result = TypeVar("Result")
#: For tests that compare both: without a compiler there is nothing to compare.
needs_kernels = pytest.mark.skipif(arithmetic() != "native", reason=arithmetic())


def both(function: Callable[[], Result], monkeypatch: pytest.MonkeyPatch) -> tuple[Result, Result]:
    """What a function returns with native kernels, and with PyTorch."""
    results = []
    for switch in ("1", "0"):
        monkeypatch.setenv("EPISODIC_NATIVE", switch)
        results.append(function())
    return results[0], results[1]


def distance(one: Tensor, other: Tensor) -> float:
    """How far apart two tensors are, relative to the second's length."""
    return float((one - other).norm() / other.norm().clamp_min(1e-30))
