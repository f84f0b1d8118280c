"""Which items a plot shows."""

import pytest
import torch

from episodic.plots.choice import some_contexts, spread_evenly, whole_classes


@pytest.mark.parametrize(("count", "total", "expected"), [(3, 9, [0, 4, 8]), (4, 2, [0, 1]), (1, 5, [0]), (3, 0, [])])
def test_numbers_are_spread_from_end_to_end(count: int, total: int, expected: list[int]) -> None:
    assert spread_evenly(count, total).tolist() == expected


def test_whole_classes_are_taken() -> None:
    labels = torch.arange(10).repeat(4)
    rows = whole_classes(labels, 14)
    assert labels[rows].bincount().tolist() == [4, 0, 0, 0, 4, 0, 0, 0, 0, 4]
    assert len(whole_classes(labels, 1000)) == 40
    assert len(whole_classes(labels, 1)) == 4


def test_some_states_of_some_contexts() -> None:
    labels = torch.arange(50).repeat(20)
    rows = some_contexts(labels, 5, 60)
    assert len(set(rows.tolist())) == 60
    assert set(labels[rows].tolist()) == {0, 12, 24, 36, 49}
    assert torch.equal(rows, some_contexts(labels, 5, 60))
    assert len(some_contexts(labels, 100, 5000)) == 1000
