"""The triplet objective against triplets listed in plain loops."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from episodic.objectives.triplet import MINERS, TripletObjective
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.objectives.embeddings import batch, dot

Triplet = tuple[int, int, int]
Pick = Callable[[list[list[float]], list[int], float], list[Triplet]]


def cosines_of(embedding: Tensor) -> list[list[float]]:
    rows = embedding.tolist()
    return [[dot(a, b) / math.sqrt(dot(a, a) * dot(b, b)) for b in rows] for a in rows]


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
    objective, found = TripletObjective(margin=margin, miner=miner), []
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
    loss = TripletObjective(margin=0.2, miner=miner)(embedding, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0.0
    assert embedding.grad is not None
    assert embedding.grad.abs().max() == 0.0
