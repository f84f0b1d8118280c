"""A variant of a benchmark without native kernels."""

import os
from collections.abc import Callable
from typing import TypeVar

from episodic.native.library import SWITCH

Result = TypeVar("Result")


def with_pytorch(variant: Callable[[], Result]) -> Callable[[], Result]:
    """The same variant, with PyTorch's kernels."""

    def run() -> Result:
        before = os.environ.get(SWITCH)
        os.environ[SWITCH] = "0"
        try:
            return variant()
        finally:
            if before is None:
                del os.environ[SWITCH]
            else:
                os.environ[SWITCH] = before

    return run
