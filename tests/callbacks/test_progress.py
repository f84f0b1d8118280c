"""The items that the progress line counts."""

import pytest
import torch

from callbacks.progress import count_items
from datamodules.drawings import DrawingBatch
from datamodules.state_batches import StateBatch
from episodic.tasks.blocks import BlockSpec


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.long)


@pytest.mark.parametrize(
    ("batch", "name", "items"),
    [
        (
            BlockSpec(torch.zeros(6, 4, 3), zeros(6, 4), zeros(6, 4), seed=0),
            "episodes",
            24,
        ),
        (DrawingBatch(torch.zeros(5, 1, 28, 28), zeros(5)), "drawings", 5),
        (StateBatch(torch.zeros(7, 3), zeros(7), zeros(7), zeros(7)), "states", 7),
        (StateBatch(torch.zeros(7, 4, 3), zeros(7), zeros(7), zeros(7)), "states", 28),
    ],
    ids=["block", "drawings", "states", "whole episodes"],
)
def test_items_are_counted_and_named(batch: object, name: str, items: int) -> None:
    assert count_items(batch) == (items, name)
