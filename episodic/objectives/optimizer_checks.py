"""Refuses optimisers that an ordinary training step cannot use."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch

from episodic.errors import InputError, require


def checked_optimizer(build: Callable[[Any], torch.optim.Optimizer], parameters: Any) -> torch.optim.Optimizer:
    """Build an optimiser, and check that a step with one loss and dense gradients is all that it needs.

    Args:
        build: makes the optimiser from parameters.
        parameters: anything that the optimiser's class accepts.

    Raises:
        InputError: the optimiser refuses its settings or the parameters, needs a closure or sparse gradients, or has a
            setting that is NaN or infinite.

    >>> checked_optimizer(torch.optim.LBFGS, [torch.nn.Parameter(torch.ones(1))])
    Traceback (most recent call last):
    episodic.errors.InputError: optimizer is LBFGS, which needs a closure that computes the loss again: use Adam or SGD
    """
    try:
        optimizer = build(parameters)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise InputError(f"optimizer cannot be built: {error}") from error
    name, closure = type(optimizer).__name__, inspect.signature(optimizer.step).parameters.get("closure")
    require(
        closure is None or closure.default is not inspect.Parameter.empty,
        f"optimizer is {name}, which needs a closure that computes the loss again: use Adam or SGD",
    )
    require(
        not isinstance(optimizer, torch.optim.SparseAdam),
        f"optimizer is {name}, which needs sparse gradients, and those here are dense: use Adam",
    )
    for group in optimizer.param_groups:
        for setting, value in group.items():
            numbers = value if isinstance(value, tuple | list) else (value,)
            finite = all(not isinstance(number, float) or math.isfinite(number) for number in numbers)
            require(finite, f"optimizer: {setting} is {value}: it must be finite")
    return optimizer
