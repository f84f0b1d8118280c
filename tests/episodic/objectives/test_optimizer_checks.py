"""Optimisers that an ordinary training step cannot use."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer, SparseAdam

from episodic.errors import InputError
from episodic.objectives.optimizer_checks import checked_optimizer


def parameters() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(2))]


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (LBFGS, "optimizer is LBFGS, which needs a closure"),
        (SparseAdam, "optimizer is SparseAdam, which needs sparse gradients"),
        (partial(Adam, lr=-1.0), "Invalid learning rate: -1.0"),
        (partial(Adam, betas=(2.0, 0.9)), "Invalid beta parameter"),
        (partial(SGD, lr=float("inf")), "optimizer: lr is inf: it must be finite"),
        (partial(AdamW, weight_decay=float("nan")), "weight_decay"),
        (partial(Optimizer), "cannot be built: .*defaults"),
    ],
)
def test_optimisers_that_cannot_work_are_refused(build: Callable[[Any], Optimizer], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        checked_optimizer(build, parameters())


@pytest.mark.parametrize("build", [Adam, AdamW, partial(SGD, lr=0.1, momentum=0.9), torch.optim.Adagrad])
def test_other_optimisers_are_built(build: Callable[[Any], Optimizer]) -> None:
    optimizer = checked_optimizer(build, parameters())
    assert optimizer.param_groups[0]["lr"] > 0
