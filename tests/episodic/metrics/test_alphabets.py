"""The error within alphabets: its mean, and when it is left out."""

import pytest
import torch
from torch import Tensor

from episodic.metrics.alphabets import alphabet_metrics


def within(alphabets: list[int], drawers: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """One-hot embeddings, labels and alphabets of characters drawn by each of some drawers."""
    labels = torch.arange(len(alphabets)).repeat(drawers)
    return torch.eye(len(alphabets))[labels], labels, torch.tensor(alphabets)


def test_errors_within_alphabets_are_the_mean_over_alphabets() -> None:
    points, labels, alphabets = within([0] * 20 + [1] * 19 + [2] * 20)
    assert alphabet_metrics(points, labels, alphabets, 3) == {"within_alphabet_error": 0.0}
    of_the_last = alphabets[labels] == 2
    points[of_the_last] = torch.eye(59)[:3].repeat_interleave(20, dim=0)  # tell who drew them, not what
    found = alphabet_metrics(points, labels, alphabets, 3)["within_alphabet_error"]
    assert found.item() == pytest.approx((0.0 + 0.95) / 2)


def test_errors_within_alphabets_need_whole_alphabets() -> None:
    points, labels, alphabets = within([0] * 20)
    assert alphabet_metrics(points, labels, alphabets, 1)
    assert alphabet_metrics(points[:-1], labels[:-1], alphabets, 1) == {}  # as a trial run sees them
    assert alphabet_metrics(points[:20], labels[:20], alphabets, 1) == {}
    assert alphabet_metrics(points[:0], labels[:0], alphabets, 1) == {}
    assert alphabet_metrics(*within([0] * 19 + [1]), 1) == {}
