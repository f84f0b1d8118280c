"""Pairs of embeddings and how far apart the two kinds lie, against loops and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from episodic.metrics.similarity_pairs import SimilarityPairs, separation, similarity_pairs
from tests.episodic.memory.memory_oracle import DEVICES


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("device", DEVICES)
def test_pairs_are_all_that_are_allowed(device: str) -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    groups = torch.tensor([0, 0, 1, 2, 2, 2, 2])
    points = torch.randn(7, 3, generator=seeded()).double()
    found = similarity_pairs(points.to(device), labels, groups, seeded(), 4000)
    expected: tuple[set[float], set[float]] = (set(), set())
    for i in range(7):
        for j in range(i):
            if groups[i] != groups[j]:
                kind = expected[int(labels[i] != labels[j])]
                kind.add(round(float(torch.cosine_similarity(points[i], points[j], dim=0)), 9))
    assert [{round(value, 9) for value in kind.tolist()} for kind in found] == list(expected)
    again = similarity_pairs(points.to(device), labels, groups, seeded(), 4000)
    assert all(torch.equal(one, two) for one, two in zip(found, again, strict=True))


def test_no_pairs_are_no_error() -> None:
    found = similarity_pairs(torch.eye(3), torch.arange(3), torch.zeros(3).long(), seeded(), 50)
    assert [len(kind) for kind in found] == [0, 0]
    assert separation(found).isnan()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("grain", [1, 1000])  # many equal numbers, and few
def test_separation_is_the_area_under_the_curve(grain: int, device: str) -> None:
    same, different = torch.randn(300, generator=seeded()) + 0.8, torch.randn(200, generator=seeded(1))
    pairs = [(part * grain).round() / grain for part in (same, different)]
    expected = roc_auc_score([1] * 300 + [0] * 200, np.concatenate([part.numpy() for part in pairs]))
    assert separation(SimilarityPairs(*(part.to(device) for part in pairs))).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("same", "different", "expected"), [([1.0], [0.0], 1.0), ([0.0], [1.0], 0.0), ([1.0], [1.0], 0.5)]
)
def test_separation_goes_from_nothing_to_perfect(same: list[float], different: list[float], expected: float) -> None:
    pairs: list[Tensor] = [torch.tensor(same), torch.tensor(different)]
    assert separation(SimilarityPairs(*pairs)).item() == expected
