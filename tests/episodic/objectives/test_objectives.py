"""Objectives against lists of triplets, softmaxes written out, and Kaiser's memory one query at a time."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pytorch_metric_learning.losses import CosFaceLoss
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from episodic.errors import InputError
from episodic.objectives.objectives import (
    MINERS,
    OBJECTIVES,
    KaiserObjective,
    SoftmaxObjective,
    TripletObjective,
    WeightedObjectives,
    additive_margin_loss,
    build_objectives,
)
from tests.episodic.memory.kaiser_oracle import ListKaiser
from tests.episodic.memory.memory_oracle import DEVICES

SIZE, CLASSES = 5, 4

Triplet = tuple[int, int, int]
Pick = Callable[[list[list[float]], list[int], float], list[Triplet]]


def batch(seed: int, count: int = 12, classes: int = CLASSES, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Unit embeddings in double precision, noisy around a direction for each class, and labels."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(classes, SIZE, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (count,), generator=generator)
    noise = torch.randn(count, SIZE, generator=generator, dtype=torch.float64)
    return normalize(directions[labels] + 0.8 * noise, dim=1).to(device), labels.to(device)


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def cosines_of(embedding: Tensor) -> list[list[float]]:
    rows = embedding.tolist()
    return [[dot(a, b) / math.sqrt(dot(a, a) * dot(b, b)) for b in rows] for a in rows]


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
    objective = SoftmaxObjective(CLASSES, SIZE, scale, margin).double().to(device)
    embedding, labels = batch(1, device=device)
    weights = objective.classifier.weight.tolist()
    cosines = [[dot(e, w) / math.sqrt(dot(e, e) * dot(w, w)) for w in weights] for e in embedding.tolist()]
    assert objective(embedding, labels).item() == pytest.approx(
        slow_margin_loss(cosines, labels.tolist(), scale, margin)
    )
    torch.testing.assert_close(objective.cosines(embedding).tolist(), cosines)
    torch.testing.assert_close(objective.logits(embedding), scale * objective.cosines(embedding))


def test_softmax_equals_another_librarys_cosface() -> None:
    objective, (embedding, labels) = SoftmaxObjective(CLASSES, SIZE, 20.0, 0.3).double(), batch(2)
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


def listed_triplets(cosines: list[list[float]], labels: list[int]) -> list[Triplet]:
    every = range(len(labels))
    return [
        (a, p, n)
        for a in every
        for p in every
        for n in every
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    ]


def all_of(kind: str) -> Pick:
    def pick(cosines: list[list[float]], labels: list[int], margin: float) -> list[Triplet]:
        lowest, highest = {"all": (-2.0, margin), "hard": (-2.0, 0.0), "semihard": (0.0, margin)}[kind]
        ahead = {t: cosines[t[0]][t[1]] - cosines[t[0]][t[2]] for t in listed_triplets(cosines, labels)}
        return [triplet for triplet, by in ahead.items() if lowest < by <= highest]

    return pick


def one_each(farthest_positive: bool, semihard: bool) -> Pick:
    def pick(cosines: list[list[float]], labels: list[int], margin: float) -> list[Triplet]:
        triplets = []
        for a, row in enumerate(cosines):
            positives = [i for i in range(len(row)) if i != a and labels[i] == labels[a]]
            if not positives:
                continue
            p = (min if farthest_positive else max)(positives, key=row.__getitem__)
            negatives = [i for i in range(len(row)) if labels[i] != labels[a] and (not semihard or row[i] < row[p])]
            if negatives:
                triplets.append((a, p, max(negatives, key=row.__getitem__)))
        return triplets

    return pick


PICKS = {
    "all": all_of("all"),
    "hard": all_of("hard"),
    "semihard": all_of("semihard"),
    "easy_semihard": one_each(farthest_positive=False, semihard=True),
    "easy_hard": one_each(farthest_positive=False, semihard=False),
    "batch_hard": one_each(farthest_positive=True, semihard=False),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("margin", [0.05, 0.4])
def test_triplets_are_those_of_a_list(margin: float, miner: str, device: str) -> None:
    objective, found = TripletObjective(margin, miner), []
    for seed in range(6):
        embedding, labels = batch(seed, device=device)
        cosines = cosines_of(embedding)
        triplets = PICKS[miner](cosines, labels.tolist(), margin)
        violations = [cosines[a][n] - cosines[a][p] + margin for a, p, n in triplets]
        violations = [violation for violation in violations if violation > 0]
        found.append(sum(violations) / len(violations) if violations else 0.0)
        assert objective(embedding, labels).item() == pytest.approx(found[-1], abs=1e-9)
    assert max(found) > 0


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [2, 2, 2, 2]], ids=["no positive", "no negative"])
def test_without_a_triplet_the_loss_is_zero_with_a_gradient(labels: list[int], miner: str) -> None:
    embedding = batch(0, count=4)[0].requires_grad_()
    loss = TripletObjective(0.2, miner)(embedding, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0.0
    assert embedding.grad is not None
    assert embedding.grad.abs().max() == 0.0


@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize("clear", [False, True])
def test_kaisers_loss_follows_the_lists(clear: bool, pieces: int) -> None:
    if clear and pieces == 1:
        pytest.skip("refused")
    objective = KaiserObjective(7, SIZE, neighbours=3, margin=0.3, clear_each_batch=clear, pieces=pieces).double()
    lists, losses = ListKaiser(7, 3, 0.3, 1 / 40), []
    for seed in range(10):
        embedding, labels = batch(seed % 3)
        if clear:
            lists = ListKaiser(7, 3, 0.3, 1 / 40)
        parts = []
        for first in range(pieces):
            queries, own = embedding.tolist()[first::pieces], labels.tolist()[first::pieces]
            parts.append(lists.loss(queries, own))
            lists.update_batch(queries, own)
        counted = parts[1:] if clear else parts
        losses.append(sum(counted) / len(counted))
        assert objective(embedding, labels).item() == pytest.approx(losses[-1], abs=1e-6)
    assert max(losses) > 0
    assert not clear or losses[3:] == losses[:-3]


def test_kaisers_memory_stays_as_it_is_in_evaluation() -> None:
    objective = KaiserObjective(7, SIZE).double()
    objective(*batch(0))
    before = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    expected = objective.memory.loss(*batch(1))
    assert torch.equal(objective.eval()(*batch(1)), expected)
    assert all(torch.equal(buffer, before[name]) for name, buffer in objective.named_buffers())
    objective.train()(*batch(1))
    assert not torch.equal(objective.memory.keys, before["memory.keys"])


def build(*names: str) -> WeightedObjectives:
    torch.manual_seed(0)
    weights = {name: 0.5 + number for number, name in enumerate(names)}
    return build_objectives(weights, SIZE, CLASSES, softmax={"margin": 0.3}, kaiser={"memory_size": 6, "margin": 0.3})


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
    assert isinstance(build("triplet", "softmax").softmax, SoftmaxObjective)
    assert build("triplet", "kaiser").softmax is None


def test_a_memory_is_large_where_nothing_is_said() -> None:
    part = build_objectives({"kaiser": 1.0}, SIZE).parts["kaiser"]
    assert isinstance(part, KaiserObjective)
    assert part.memory.memory_size == 8192
    assert part.memory.key_size == SIZE


@pytest.mark.parametrize(
    ("complaint", "arguments"),
    [
        ("objectives is 'arcface': it has to be one of softmax, triplet, kaiser", {"weights": {"arcface": 1.0}}),
        ("objectives is empty", {"weights": {}}),
        ("objectives.triplet is 0", {"weights": {"softmax": 1.0, "triplet": 0.0}}),
        ("objectives.triplet is -1", {"weights": {"triplet": -1.0}}),
        ("classes is null", {"weights": {"softmax": 1.0}, "classes": None}),
        ("classes is 0", {"weights": {"softmax": 1.0}, "classes": 0}),
        ("scale is 0", {"weights": {"softmax": 1.0}, "softmax": {"scale": 0.0}}),
        ("margin is -0.1", {"weights": {"softmax": 1.0}, "softmax": {"margin": -0.1}}),
        ("margin is nan", {"weights": {"triplet": 1.0}, "triplet": {"margin": math.nan}}),
        ("miner is 'soft': it has to be one of all, hard", {"weights": {"triplet": 1.0}, "triplet": {"miner": "soft"}}),
        ("memory_size is 0", {"weights": {"kaiser": 1.0}, "kaiser": {"memory_size": 0}}),
        ("pieces is 0", {"weights": {"kaiser": 1.0}, "kaiser": {"pieces": 0}}),
        ("pieces is 1 with clear_each_batch", {"weights": {"kaiser": 1.0}, "kaiser": {"clear_each_batch": True}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_settings_are_named(complaint: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        build_objectives(**{"embedding_size": SIZE, "classes": CLASSES, **arguments})
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


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


def test_settings_of_other_objectives_are_not_looked_at() -> None:
    objectives = build_objectives({"triplet": 1.0}, SIZE, softmax={"margin": -1.0})
    assert list(objectives.parts) == ["triplet"]
