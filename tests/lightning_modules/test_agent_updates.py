"""The optimiser steps of an agent."""

import torch

from lightning_modules.agent_updates import no_gradient


def test_no_gradient_is_a_gradient_of_zero_to_all_that_learns() -> None:
    layer = torch.nn.Linear(2, 2)
    no_gradient(layer.parameters()).backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in layer.parameters())


def test_where_nothing_learns_there_is_nothing_to_have_a_gradient_of_zero() -> None:
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    for parameters in ([], list(frozen.parameters())):
        assert no_gradient(parameters).item() == 0
