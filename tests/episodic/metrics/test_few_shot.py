"""Few-shot accuracy against plain loops over the drawn episodes, and where it is known."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from episodic.drawings import embedding
from episodic.drawings.embedding import embed_drawings, with_rotations
from episodic.errors import InputError
from episodic.metrics import class_rows as rows_module
from episodic.metrics import few_shot
from episodic.metrics.class_rows import choose_classes, choose_rows, chunk_sizes, class_rows, classes_with
from episodic.metrics.few_shot import METRICS, classified_right, few_shot_accuracy
from tests.episodic.memory.memory_oracle import DEVICES

Vector = Sequence[float]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy_classes(classes: int, each: int, size: int = 3, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    """Embeddings about a centre for each class, in mixed order, and labels 3, 6, 9 ..."""
    number = torch.arange(classes).repeat_interleave(each)[torch.randperm(classes * each, generator=seeded(5))]
    centres = torch.randn(classes, size, generator=seeded(6))
    points = centres[number] + noise * torch.randn(len(number), size, generator=seeded(7))
    return points.double(), 3 * number + 3


def unit(vector: Vector) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def nearest_mean(support: Sequence[Sequence[Vector]], query: Vector, metric: str) -> int:
    """The class whose mean is nearest, from the definition."""
    if metric == "cosine":
        support, query = [[unit(one) for one in examples] for examples in support], unit(query)
    means = [[sum(column) / len(examples) for column in zip(*examples, strict=True)] for examples in support]
    if metric == "cosine":
        distances = [-sum(a * b for a, b in zip(unit(mean), query, strict=True)) for mean in means]
    else:
        distances = [math.dist(mean, query) for mean in means]
    return distances.index(min(distances))


# Which rows belong to which class


@pytest.mark.parametrize("device", DEVICES)
def test_rows_of_classes_equal_the_loop(device: str) -> None:
    labels = torch.tensor([7, 2, 2, 9, 7, 7, 2, 7])
    table = class_rows(labels.to(device))
    assert table.labels.tolist() == [2, 7, 9]
    found = [row[:count] for row, count in zip(table.rows.tolist(), table.counts.tolist(), strict=True)]
    assert found == [[row for row, label in enumerate(labels.tolist()) if label == one] for one in (2, 7, 9)]
    large = classes_with(table, 3)
    assert large.labels.tolist() == [2, 7]
    assert large.counts.tolist() == [3, 4]


@pytest.mark.parametrize("device", DEVICES)
def test_choices_are_allowed_distinct_and_even(device: str) -> None:
    table = class_rows(torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2]).to(device))
    allowed = torch.tensor([[True, True, False], [True, True, True]], device=device).repeat(600, 1)
    classes = choose_classes(allowed, 2, seeded())
    assert all(len(set(row)) == 2 for row in classes.tolist())
    assert set(classes[::2].flatten().tolist()) == {0, 1}
    share = classes[1::2].flatten().bincount() / 1200
    torch.testing.assert_close(share.cpu(), torch.full((3,), 1 / 3), atol=0.05, rtol=0)
    every = torch.arange(3, device=device).expand(1200, 3)
    rows = choose_rows(table, every, 2, seeded())
    assert all(len(set(row)) == 2 for row in rows.flatten(0, 1).tolist())
    for number, own in enumerate(({0, 1, 2}, {3, 4}, {5, 6, 7, 8})):
        assert set(rows[:, number].flatten().tolist()) == own
        counts = rows[:, number].flatten().bincount()[sorted(own)] / 2400
        torch.testing.assert_close(counts.cpu(), torch.full((len(own),), 1 / len(own)), atol=0.05, rtol=0)


def test_chunks_add_up() -> None:
    assert chunk_sizes(7, 3) == [3, 3, 1]
    assert chunk_sizes(6, 3) == [3, 3]


# Accuracy


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("metric", METRICS)
def test_nearest_mean_equals_the_loop(metric: str, device: str) -> None:
    support = torch.randn(12, 4, 3, 5, generator=seeded(1)).double()
    query = torch.randn(12, 4, 2, 5, generator=seeded(2)).double()
    right = classified_right(support.to(device), query.to(device), metric)
    for episode, (examples, asked) in enumerate(zip(support.tolist(), query.tolist(), strict=True)):
        for way, of_class in enumerate(asked):
            expected = [nearest_mean(examples, one, metric) == way for one in of_class]
            assert right[episode, way].tolist() == expected


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("metric", METRICS)
def test_accuracy_equals_the_loop_over_the_drawn_episodes(
    metric: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tensor] = []

    def recorded(*arguments: Any) -> Tensor:
        drawn.append(choose_rows(*arguments))
        return drawn[-1]

    monkeypatch.setattr(few_shot, "choose_rows", recorded)
    monkeypatch.setattr(few_shot, "EPISODES", 8)
    points, labels = noisy_classes(classes=6, each=5)
    found = few_shot_accuracy(
        points.to(device), labels, ways=4, shots=2, episodes=20, generator=seeded(), queries=3, metric=metric
    )
    episodes = torch.cat(drawn).tolist()
    assert len(drawn) == 3
    assert len(found) == len(episodes) == 20
    assert 0.3 < found.mean().item() < 0.95  # neither all right nor all wrong
    for accuracy, episode in zip(found.tolist(), episodes, strict=True):
        assert len({int(labels[rows[0]]) for rows in episode}) == 4
        assert all(len({int(labels[row]) for row in rows}) == 1 and len(set(rows)) == 5 for rows in episode)
        support = [[points[row].tolist() for row in rows[:2]] for rows in episode]
        right = [
            nearest_mean(support, points[row].tolist(), metric) == way
            for way, rows in enumerate(episode)
            for row in rows[2:]
        ]
        assert accuracy == pytest.approx(sum(right) / 12)


@pytest.mark.parametrize("metric", METRICS)
def test_classes_far_apart_are_never_mistaken(metric: str) -> None:
    labels = torch.arange(6).repeat(4)
    points = torch.eye(6)[labels] + 0.05 * torch.randn(24, 6, generator=seeded())
    found = few_shot_accuracy(points, labels, ways=5, shots=1, episodes=200, queries=3, metric=metric)
    assert found.tolist() == [1.0] * 200


@pytest.mark.parametrize("metric", METRICS)
def test_of_two_classes_that_coincide_one_is_right(metric: str) -> None:
    labels = torch.arange(4).repeat(6)
    points = torch.eye(3)[labels.clamp_max(2)]
    found = few_shot_accuracy(points, labels, ways=4, shots=2, episodes=50, queries=4, metric=metric)
    assert found.tolist() == [0.75] * 50


@pytest.mark.parametrize("metric", METRICS)
def test_embeddings_that_know_nothing_are_at_chance(metric: str) -> None:
    labels = torch.arange(40).repeat(20)
    points = torch.randn(800, 16, generator=seeded())
    found = few_shot_accuracy(points, labels, ways=10, shots=1, episodes=1000, generator=seeded(1), metric=metric)
    assert found.mean().item() == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / 10_000))


def test_with_one_shot_of_unit_embeddings_the_metrics_agree() -> None:
    points, labels = noisy_classes(classes=8, each=4)
    points = torch.nn.functional.normalize(points, dim=1)
    found = [
        few_shot_accuracy(points, labels, ways=5, shots=1, episodes=100, generator=seeded(), metric=metric)
        for metric in METRICS
    ]
    assert found[0].tolist() == found[1].tolist()
    assert found[0].min() < found[0].max()


def test_the_paper_s_distance_favours_a_class_whose_examples_disagree() -> None:
    agree, disagree = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, -0.9]]
    support = torch.tensor([[agree, disagree]])
    query = torch.tensor([[[[0.1, -1.0]], [[0.1, -1.0]]]])  # nearer to the first by its direction
    assert classified_right(support, query, "cosine").flatten().tolist() == [True, False]
    assert classified_right(support, query, "euclidean").flatten().tolist() == [False, True]


def test_lengths_mean_nothing_to_the_cosine() -> None:
    points, labels = noisy_classes(classes=6, each=4)
    lengths = 0.1 + torch.rand(len(points), 1, generator=seeded()).double()

    def accuracy(embeddings: Tensor) -> list[float]:
        found: list[float] = few_shot_accuracy(
            embeddings, labels, ways=4, shots=2, episodes=60, generator=seeded(), queries=2
        ).tolist()
        return found

    assert accuracy(points) == accuracy(points * lengths)


def test_the_generator_alone_decides() -> None:
    points, labels = noisy_classes(classes=6, each=4)

    def accuracy(generator: torch.Generator | None) -> list[float]:
        found: list[float] = few_shot_accuracy(
            points, labels, ways=4, shots=1, episodes=60, generator=generator
        ).tolist()
        return found

    assert accuracy(seeded(1)) == accuracy(seeded(1)) != accuracy(seeded(2))
    torch.manual_seed(3)
    first = accuracy(None)
    assert first != accuracy(None)
    torch.manual_seed(3)
    assert first == accuracy(None)


def test_classes_with_too_few_embeddings_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    drawn: list[Tensor] = []

    def recorded(*arguments: Any) -> Tensor:
        drawn.append(choose_rows(*arguments))
        return drawn[-1]

    monkeypatch.setattr(few_shot, "choose_rows", recorded)
    few_shot_accuracy(torch.randn(11, 2), labels, ways=2, shots=2, episodes=100)
    assert set(labels[drawn[0]].flatten().tolist()) == {0, 1, 3}


def test_half_precision_is_computed_in_single() -> None:
    points, labels = noisy_classes(classes=4, each=4)
    half = points.to(torch.bfloat16)
    options: dict[str, Any] = {"ways": 3, "shots": 1, "episodes": 40}
    found = few_shot_accuracy(half, labels, generator=seeded(), **options)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, few_shot_accuracy(half.float(), labels, generator=seeded(), **options))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ways": 1}, "ways is 1: it must lie between 2 and the number of classes, and 4 classes have 3 embeddings"),
        ({"ways": 5}, "ways is 5"),
        ({"shots": 4}, "ways is 3: .* and 0 classes have 5 embeddings or more"),
        ({"queries": 3}, "ways is 3: .* 0 classes have 5"),
        ({"shots": 0}, "shots is 0"),
        ({"queries": 0}, "queries is 0"),
        ({"episodes": 0}, "episodes is 0"),
        ({"metric": "manhattan"}, "metric is 'manhattan': it must be one of cosine, euclidean"),
        ({"embeddings": torch.ones(16)}, r"embeddings have shape \(16,\)"),
        ({"embeddings": torch.full((16, 2), math.nan)}, "embeddings hold NaN"),
        ({"labels": torch.zeros(15, dtype=torch.long)}, r"labels have shape \(15,\)"),
        ({"labels": torch.zeros(16)}, "dtype torch.float32"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], message: str) -> None:
    points, labels = noisy_classes(classes=4, each=4)
    options = {"embeddings": points, "labels": labels, "ways": 3, "shots": 2, "episodes": 5, **change}
    with pytest.raises(InputError, match=message) as caught:
        few_shot_accuracy(**options)
    assert "\n" not in str(caught.value)


# Turned drawings as classes


def sum_of_columns(images: Tensor) -> Tensor:
    assert images.dtype == torch.float32
    return images.sum(dim=(1, 2))


@pytest.mark.parametrize("kept", [True, False])
def test_turned_drawings_are_classes_of_their_own(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 3)  # in several pieces
    images = torch.randint(256, (7, 5, 5), dtype=torch.uint8, generator=seeded())
    labels = torch.tensor([0, 0, 4, 1, 1, 2, 4])
    given = images if kept else images.unsqueeze(1).float() / 255
    embeddings, classes = with_rotations(sum_of_columns, given, labels)
    for turns in range(4):
        for index in range(7):
            row = 7 * turns + index
            assert int(classes[row]) == 4 * int(labels[index]) + turns
            turned = np.rot90(images[index].numpy(), turns).astype(np.float64) / 255
            np.testing.assert_allclose(embeddings[row], turned.sum(axis=0), rtol=1e-5)
    torch.testing.assert_close(embed_drawings(sum_of_columns, given), embeddings[:7])


def test_no_gradient_is_kept_of_embeddings() -> None:
    weight = torch.ones(4, 2, requires_grad=True)
    embeddings, _ = with_rotations(lambda x: x.flatten(1) @ weight, torch.ones(3, 1, 2, 2), torch.zeros(3).long())
    assert not embeddings.requires_grad


@pytest.mark.parametrize(
    "images",
    [torch.ones(3, 4, 4), torch.ones(3, 2, 4, 4), torch.ones(3, 1, 4, 5), torch.ones(0, 1, 4, 4)],
)
def test_bad_drawings_are_told(images: Tensor) -> None:
    with pytest.raises(InputError, match="images have shape"):
        with_rotations(sum_of_columns, images, torch.zeros(len(images)).long())


def test_labels_that_do_not_fit_the_drawings_are_told() -> None:
    with pytest.raises(InputError, match=r"labels have shape \(2,\): 3 images need"):
        with_rotations(sum_of_columns, torch.ones(3, 1, 4, 4), torch.zeros(2).long())


def test_random_numbers_come_from_the_generators_device() -> None:
    like = torch.zeros(3, 2)
    torch.testing.assert_close(rows_module.uniform(like, seeded(4)), torch.rand(3, 2, generator=seeded(4)))
