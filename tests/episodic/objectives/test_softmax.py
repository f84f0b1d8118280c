"""The softmax objective against softmaxes written out and another library."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import CosFaceLoss
from torch.nn.functional import cross_entropy

from episodic.objectives.softmax import SoftmaxObjective, additive_margin_loss
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.objectives.embeddings import CLASSES, SIZE, batch, dot


def slow_margin_loss(cosines: list[list[float]], labels: list[int], scale: float, margin: float) -> float:
    total = 0.0
    for row, label in zip(cosines, labels, strict=True):
        right = math.exp(scale * (row[label] - margin))
        wrong = sum(math.exp(scale * cosine) for j, cosine in enumerate(row) if j != label)
        total -= math.log(right / (right + wrong))
    return total / len(labels)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("scale", "margin"), [(1.0, 0.0), (1.0, 0.4), (16.0, 0.2), (30.0, 0.35)])
def test_softmax_with_margin_by_hand(scale: float, margin: float, device: str) -> None:
    objective = SoftmaxObjective(CLASSES, SIZE, scale=scale, margin=margin).double().to(device)
    embedding, labels = batch(1, device=device)
    weights = objective.classifier.weight.tolist()
    cosines = [[dot(e, w) / math.sqrt(dot(e, e) * dot(w, w)) for w in weights] for e in embedding.tolist()]
    assert objective(embedding, labels).item() == pytest.approx(
        slow_margin_loss(cosines, labels.tolist(), scale, margin)
    )
    torch.testing.assert_close(objective.cosines(embedding).tolist(), cosines)
    torch.testing.assert_close(objective.logits(embedding), scale * objective.cosines(embedding))


def test_softmax_equals_another_librarys_cosface() -> None:
    objective, (embedding, labels) = SoftmaxObjective(CLASSES, SIZE, scale=20.0, margin=0.3).double(), batch(2)
    other = CosFaceLoss(CLASSES, SIZE, margin=0.3, scale=20.0)
    other.W.data = objective.classifier.weight.detach().T.clone()
    torch.testing.assert_close(objective(embedding, labels), other(embedding, labels))


def test_without_a_margin_it_is_a_plain_softmax_and_a_margin_makes_it_harder() -> None:
    cosines, labels = torch.rand(6, 3, dtype=torch.float64) * 2 - 1, torch.arange(6) % 3
    kept = cosines.clone()
    plain = additive_margin_loss(cosines, labels, 7.0, 0.0)
    torch.testing.assert_close(plain, cross_entropy(7.0 * cosines, labels))
    assert additive_margin_loss(cosines, labels, 7.0, 0.1) > plain
    assert torch.equal(cosines, kept)
