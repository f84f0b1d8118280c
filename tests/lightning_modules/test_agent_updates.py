"""The optimiser steps of an agent."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from episodic.agents.learning import AfterBlock, AfterEpisode
from lightning_modules.agent_updates import AgentUpdates, no_gradient


def test_no_gradient_is_a_gradient_of_zero_to_all_that_learns() -> None:
    layer = torch.nn.Linear(2, 2)
    no_gradient(layer.parameters()).backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in layer.parameters())


def test_where_nothing_learns_there_is_nothing_to_have_a_gradient_of_zero() -> None:
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    for parameters in ([], list(frozen.parameters())):
        assert no_gradient(parameters).item() == 0


@pytest.mark.parametrize(
    ("max_epochs", "max_steps", "trigger", "blocks"),
    [
        (3, -1, None, 30),
        (3, 61, None, 11),  # of 6 steps each, the last one whole
        (3, 900, None, 30),
        (-1, 60, None, 10),
        (3, 60, AfterEpisode(every=2), 7),  # 6 + 3 steps
        (3, 60, AfterBlock(updates=4), 6),
        (-1, -1, None, math.inf),
        (None, -1, None, math.inf),
    ],
)
def test_the_planned_length_is_that_of_the_earlier_limit(
    max_epochs: int | None, max_steps: int, trigger: AfterEpisode | AfterBlock | None, blocks: float
) -> None:
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(total_batch_idx=3))
    limits = {"max_epochs": max_epochs, "max_steps": max_steps}
    trainer = SimpleNamespace(num_training_batches=10, fit_loop=loop, **limits)
    module: Any = SimpleNamespace(trainer=trainer)
    learner: Any = SimpleNamespace(settings=SimpleNamespace(trigger=trigger)) if trigger is not None else None
    agent: Any = None
    updates = AgentUpdates(module, agent, learner, 1.0)
    assert updates.planned_blocks(updates=6) == blocks
    assert updates.progress(updates=6) == 3 / blocks
