"""Retrieval against plain loops, scikit-learn's neighbours and pytorch-metric-learning's accuracies."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from episodic.errors import InputError
from episodic.metrics import retrieval as module
from episodic.metrics.retrieval import largest, nearest_neighbours, retrieval_metrics
from tests.episodic.memory.memory_oracle import DEVICES

#: Classes of 1, 2, 3, 5, 9 and 20, the first of them alone.
SIZES = (1, 2, 3, 5, 9, 20)


def clusters(noise: float = 0.8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(len(SIZES)).repeat_interleave(torch.tensor(SIZES))
    labels = labels[torch.randperm(len(labels), generator=generator)]
    centres = torch.randn(len(SIZES), 4, generator=generator)
    points = centres[labels] + noise * torch.randn(len(labels), 4, generator=generator)
    return points.double(), 10 * labels


def by_loop(points: Tensor, labels: Tensor) -> tuple[float, float]:
    """Recall@1 and MAP@R from their definitions."""
    vectors, names = points.tolist(), labels.tolist()
    recalls, precisions = [], []
    for query, (vector, name) in enumerate(zip(vectors, names, strict=True)):
        relevant = names.count(name) - 1
        if relevant == 0:
            continue
        near = []
        for other, candidate in enumerate(vectors):
            if other != query:
                dot = sum(a * b for a, b in zip(vector, candidate, strict=True))
                near.append((-dot / (math.hypot(*vector) * math.hypot(*candidate)), names[other] == name))
        hits = [hit for _, hit in sorted(near)]
        recalls.append(float(hits[0]))
        precisions.append(sum(hits[i] * sum(hits[: i + 1]) / (i + 1) for i in range(relevant)) / relevant)
    return sum(recalls) / len(recalls), sum(precisions) / len(precisions)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("held", [1, 150, 2**23])
def test_retrieval_equals_the_loop(held: int, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD", held)
    points, labels = clusters()
    found = retrieval_metrics(points.to(device), labels)
    recall, precision = by_loop(points, labels)
    assert 0.2 < precision < recall < 0.95
    assert found["recall_at_1"].item() == pytest.approx(recall)
    assert found["map_at_r"].item() == pytest.approx(precision)


def test_retrieval_equals_pytorch_metric_learning() -> None:
    points, labels = clusters()
    calculator = AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r"),
        k="max_bin_count",
        device=torch.device("cpu"),
        knn_func=CustomKNN(CosineSimilarity()),
    )
    expected = calculator.get_accuracy(points, labels)
    found = retrieval_metrics(points, labels)
    assert found["recall_at_1"].item() == pytest.approx(expected["precision_at_1"])
    assert found["map_at_r"].item() == pytest.approx(expected["mean_average_precision_at_r"])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("count", [1, 3, 12, 13, 200])
def test_the_largest_are_those_of_a_sort(count: int, device: str) -> None:
    # Few different values: many are equal, and groups hold several of the largest.
    values = torch.randint(-5, 90, (40, 13 * module.GROUP), generator=torch.Generator().manual_seed(0)).double()
    values[3], values[4, 5:] = -math.inf, -math.inf  # what is not there
    found, places = largest(values.to(device), count)
    for row, (numbers, where) in enumerate(zip(found.tolist(), places.tolist(), strict=True)):
        assert numbers == sorted(values[row].tolist(), reverse=True)[:count]
        assert len(set(where)) == count
        assert values[row, where].tolist() == numbers


@pytest.mark.parametrize("device", DEVICES)
def test_neighbours_equal_those_of_scikit_learn(device: str) -> None:
    points, _ = clusters()
    distances, rows = NearestNeighbors(n_neighbors=6, metric="cosine").fit(points).kneighbors()
    found = nearest_neighbours(points.to(device), 6)
    np.testing.assert_array_equal(found.rows.cpu(), rows)
    np.testing.assert_allclose(found.similarity.cpu(), 1 - distances, atol=1e-9)
    some = torch.tensor([7, 0, 7, 31])
    few = nearest_neighbours(points.to(device), 6, some)
    np.testing.assert_array_equal(few.rows.cpu(), rows[some])


@pytest.mark.parametrize("held", [3000, 2**23])
def test_neighbours_among_many_equal_those_of_scikit_learn(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD", held)
    points = torch.randn(1001, 5, generator=torch.Generator().manual_seed(0)).double()
    distances, rows = NearestNeighbors(n_neighbors=7, metric="cosine").fit(points).kneighbors()
    found = nearest_neighbours(points, 7)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.similarity, 1 - distances, atol=1e-9)


def test_a_query_is_left_out_even_where_another_is_equal() -> None:
    points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = nearest_neighbours(points, 3)
    for query, rows in enumerate(found.rows.tolist()):
        assert sorted(rows) == [row for row in range(4) if row != query]
    alike = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    crossed = retrieval_metrics(alike, torch.tensor([0, 1, 0, 1]))
    assert crossed["recall_at_1"].item() == 0.0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("held", [1, 2**23])
def test_the_rest_of_a_querys_group_is_not_there(held: int, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD", held)
    points, labels = clusters()
    groups = torch.arange(len(labels)) // 4 * 3  # of mixed labels
    found = nearest_neighbours(points.to(device), 6, groups=groups)
    vectors = points / points.norm(dim=1, keepdim=True)
    for query, rows in enumerate(found.rows.tolist()):
        others = [row for row in range(len(labels)) if groups[row] != groups[query]]
        assert rows == sorted(others, key=lambda row: -float(vectors[query] @ vectors[row]))[:6]
    scores = []
    for query in range(len(labels)):
        others = [row for row in range(len(labels)) if groups[row] != groups[query]]
        relevant = sum(bool(labels[row] == labels[query]) for row in others)
        near = sorted(others, key=lambda row: -float(vectors[query] @ vectors[row]))
        hits = [bool(labels[row] == labels[query]) for row in near[:relevant]]
        if relevant:
            scores.append(
                (float(hits[0]), sum(hits[i] * sum(hits[: i + 1]) / (i + 1) for i in range(relevant)) / relevant)
            )
    recalls, precisions = zip(*scores, strict=True)
    figures = retrieval_metrics(points.to(device), labels, groups)
    assert figures["recall_at_1"].item() == pytest.approx(sum(recalls) / len(recalls))
    assert figures["map_at_r"].item() == pytest.approx(sum(precisions) / len(precisions))
    with pytest.raises(InputError, match="count is 37: it must lie between 1 and 36"):
        nearest_neighbours(points, 37, groups=groups)


def test_groups_of_one_change_nothing() -> None:
    points, labels = clusters()
    assert retrieval_metrics(points, labels, torch.arange(len(labels))) == retrieval_metrics(points, labels)


def test_classes_far_apart_are_all_found() -> None:
    labels = torch.arange(5).repeat(4)
    found = retrieval_metrics(torch.eye(5)[labels] + 0.01 * torch.randn(20, 5), labels)
    assert {name: value.item() for name, value in found.items()} == {"recall_at_1": 1.0, "map_at_r": 1.0}


def test_embeddings_that_know_nothing_are_at_chance() -> None:
    points = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    found = retrieval_metrics(points, torch.arange(10).repeat(100))
    assert found["recall_at_1"].item() == pytest.approx(99 / 999, abs=0.04)
    assert found["map_at_r"].item() < 0.04


def test_lengths_mean_nothing() -> None:
    points, labels = clusters()
    longer = points * torch.rand(len(points), 1, generator=torch.Generator().manual_seed(1)).double().add(0.1)
    for name, value in retrieval_metrics(points, labels).items():
        torch.testing.assert_close(retrieval_metrics(longer, labels)[name], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.arange(40)}, "labels have no class twice among 40 embeddings"),
        ({"labels": torch.zeros(39).long()}, r"labels have shape \(39,\)"),
        ({"embeddings": torch.ones(40, 2, 2)}, r"embeddings have shape \(40, 2, 2\)"),
        ({"embeddings": torch.full((40, 2), math.nan)}, "embeddings hold NaN"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], message: str) -> None:
    points, labels = clusters()
    with pytest.raises(InputError, match=message):
        retrieval_metrics(**{"embeddings": points, "labels": labels, **change})


@pytest.mark.parametrize("count", [0, 40])
def test_a_number_of_neighbours_that_are_not_there_is_told(count: int) -> None:
    with pytest.raises(InputError, match=f"count is {count}: it must lie between 1 and 39"):
        nearest_neighbours(clusters()[0], count)
