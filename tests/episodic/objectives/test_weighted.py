"""Weighted sums of objectives: their value, gradient, precision and effect."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import InputError
from episodic.objectives.kaiser import KaiserConfig
from episodic.objectives.objectives import OBJECTIVES, Objectives
from episodic.objectives.softmax import SoftmaxConfig, SoftmaxObjective
from episodic.objectives.triplet import TripletConfig
from episodic.objectives.weighted import WeightedObjectives
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.objectives.embeddings import CLASSES, SIZE, batch


def build(*names: str) -> WeightedObjectives:
    """The named objectives with weights 0.5, 1.5 ... in this order."""
    torch.manual_seed(0)
    weights = {name: 0.5 + number for number, name in enumerate(names)}
    configs: dict[str, Any] = {
        "softmax": partial(SoftmaxConfig, margin=0.3),
        "triplet": TripletConfig,
        "kaiser": partial(KaiserConfig, memory_size=6, margin=0.3),
    }
    return Objectives(**{name: configs[name](weight) for name, weight in weights.items()}).build(SIZE, CLASSES)


@pytest.mark.parametrize("device", DEVICES)
def test_objectives_are_added_by_their_weights(device: str) -> None:
    together, data = build(*OBJECTIVES).double().to(device), [batch(seed, device=device) for seed in range(3)]
    alone = [build(name).double().to(device) for name in OBJECTIVES]
    for number, single in enumerate(alone):
        single.load_state_dict(
            {k: v for k, v in together.state_dict().items() if k.split(".")[1] == OBJECTIVES[number]}
        )
    for embedding, labels in data:
        expected = sum((0.5 + n) * single(embedding, labels) / 0.5 for n, single in enumerate(alone))
        assert isinstance(expected, Tensor)
        torch.testing.assert_close(together(embedding, labels), expected)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_is_right_and_reaches_the_embedding(name: str) -> None:
    objectives = build(name).double()
    objectives(*batch(0))  # something for a memory to hold
    objectives.eval()
    embedding, labels = batch(1)
    embedding.requires_grad_()
    assert torch.autograd.gradcheck(lambda at: objectives(at, labels), embedding)
    (gradient,) = torch.autograd.grad(objectives(embedding, labels), embedding)
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_half_precision_around_it_changes_nothing(name: str) -> None:
    one, other, (embedding, labels) = build(name), build(name), batch(0)
    embedding = embedding.float()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            half = one(embedding, labels)
        assert half.dtype == torch.float32
        assert torch.equal(half, other(embedding, labels))
    assert one(embedding.bfloat16(), labels).dtype == torch.float32


def spread_of(points: Tensor, labels: Tensor) -> float:
    """By how much embeddings of one class are more alike than others."""
    unit, same = normalize(points.detach(), dim=1), labels == labels.unsqueeze(1)
    cosines = unit @ unit.T
    return float(cosines[same].mean() - cosines[~same].mean())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_training_brings_classes_together(name: str) -> None:
    objectives, (embedding, labels) = build(name), batch(3, count=24)
    points = embedding.float().requires_grad_()
    optimizer = torch.optim.Adam([points, *objectives.parameters()], lr=0.05)
    before = spread_of(points, labels)
    for _ in range(60):
        optimizer.zero_grad()
        objectives(normalize(points, dim=1), labels).backward()
        optimizer.step()
    assert spread_of(points, labels) > before + 0.1


def test_the_classifier_is_found() -> None:
    assert isinstance(build("softmax", "triplet").softmax, SoftmaxObjective)
    assert build("triplet", "kaiser").softmax is None


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize(
    ("embedding", "labels"),
    [
        (torch.ones(3), torch.zeros(3, dtype=torch.long)),
        (torch.ones(3, SIZE), torch.zeros(2, dtype=torch.long)),
        (torch.ones(3, SIZE), torch.zeros(3)),
    ],
    ids=["a vector", "too few labels", "labels that are no integers"],
)
def test_bad_batches_are_refused(embedding: Tensor, labels: Tensor, name: str) -> None:
    with pytest.raises(InputError):
        build(name)(embedding, labels)
