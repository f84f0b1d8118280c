"""Streams of examples, and whole streams against a loop over one memory each."""

from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.memory.parallel_kaiser import ParallelKaiserMemories
from episodic.metrics import sequential
from episodic.metrics.class_rows import class_rows
from episodic.metrics.sequential import draw_streams, sequential_accuracy
from tests.episodic.memory.memory_oracle import DEVICES

KEY = 4


def memories(size: int) -> Any:
    """A builder of Kaiser's memories with at most `size` slots."""
    return lambda keys: ParallelKaiserMemories(keys[:, :size])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shuffled", [False, True])
def test_streams_show_every_class_as_often_as_they_should(shuffled: bool) -> None:
    labels = torch.tensor([4, 8, 15, 16, 23]).repeat(7)
    table = class_rows(labels)
    rows, turns = draw_streams(table, 3, 4, 200, seeded(), shuffled)
    assert rows.shape == turns.shape == (200, 12)
    in_rounds = 0
    for stream, order in zip(rows.tolist(), turns.tolist(), strict=True):
        assert len(set(stream)) == 12
        assert sorted(order) == list(range(12))
        shown = [int(labels[row]) for row in stream]
        name: dict[int, int] = {}
        seen: dict[int, int] = {}
        for label, turn in zip(shown, order, strict=True):
            assert name.setdefault(turn // 4, label) == label
            assert turn % 4 == seen.get(label, 0)
            seen[label] = seen.get(label, 0) + 1
        assert len(set(name.values())) == 3
        in_rounds += all(len(set(shown[start : start + 3])) == 3 for start in (0, 3, 6, 9))
    assert in_rounds == 200 if not shuffled else in_rounds < 20
    assert len({tuple(order) for order in turns.tolist()}) > 150  # of 1,296 ways or more


def answered_by_a_loop(
    memory: KaiserMemory, points: Tensor, rows: Tensor, turns: Tensor, presentations: int
) -> list[list[float]]:
    """Accuracy by time, with one KaiserMemory after the other."""
    accuracies = []
    for stream, order in zip(rows.tolist(), turns.tolist(), strict=True):
        memory.reset()
        right = [0] * presentations
        for row, turn in zip(stream, order, strict=True):
            query, label = points[row : row + 1], turn // presentations
            right[turn % presentations] += int(memory(query).label) == label
            memory.update(query, torch.tensor([label]))
        accuracies.append([one * presentations / len(stream) for one in right])
    return accuracies


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("size", "shuffled"), [(100, False), (5, False), (5, True), (2, False)])
def test_whole_streams_equal_the_loop(size: int, shuffled: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[Tensor, Tensor]] = []

    def recorded(*arguments: Any) -> tuple[Tensor, Tensor]:
        drawn.append(draw_streams(*arguments))
        return drawn[-1]

    monkeypatch.setattr(sequential, "draw_streams", recorded)
    monkeypatch.setattr(sequential, "EPISODES", 4)
    labels = torch.arange(6).repeat(5)
    centres = torch.randn(6, KEY, generator=seeded(1)).double()
    points = centres[labels] + 0.7 * torch.randn(30, KEY, generator=seeded(2)).double()
    found = sequential_accuracy(
        memories(size),
        points.to(device),
        labels,
        ways=4,
        presentations=5,
        episodes=10,
        generator=seeded(),
        shuffled=shuffled,
    )
    rows, turns = (torch.cat([part.cpu() for part in parts]) for parts in zip(*drawn, strict=True))
    expected = torch.tensor(
        answered_by_a_loop(KaiserMemory(size, KEY).double(), points, rows, turns, 5), dtype=torch.float64
    )
    torch.testing.assert_close(found.cpu(), expected)
    assert 0.1 < found[:, 1:].mean() < 0.95


def test_classes_far_apart_are_known_from_the_second_time_on() -> None:
    labels = torch.arange(6).repeat(4)
    points = torch.eye(6)[labels] + 0.05 * torch.randn(24, 6, generator=seeded())
    found = sequential_accuracy(ParallelKaiserMemories, points, labels, ways=5, presentations=4, episodes=150)
    assert found.tolist() == [[0.0, 1.0, 1.0, 1.0]] * 150


def test_equal_embeddings_are_at_chance() -> None:
    # The lowest of the equal slots answers: always that of the first class.
    found = sequential_accuracy(
        ParallelKaiserMemories, torch.ones(24, 3), torch.arange(4).repeat(6), ways=4, presentations=5, episodes=20
    )
    torch.testing.assert_close(found, torch.tensor([0.0, 0.25, 0.25, 0.25, 0.25]).expand(20, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ways": 7}, "ways is 7: .* and 6 classes have 3 embeddings or more"),
        ({"ways": 1}, "ways is 1"),
        ({"presentations": 6}, "ways is 4: .* and 0 classes have 6 embeddings"),
        ({"presentations": 0}, "presentations is 0"),
        ({"episodes": 0}, "episodes is 0"),
        ({"embeddings": torch.full((30, KEY), float("inf"))}, "embeddings hold NaN or infinity"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    options: dict[str, Any] = {
        "new_learners": ParallelKaiserMemories,
        "embeddings": torch.ones(30, KEY),
        "labels": torch.arange(6).repeat(5),
        "ways": 4,
        "presentations": 3,
        "episodes": 2,
        **change,
    }
    with pytest.raises(InputError, match=message) as caught:
        sequential_accuracy(**options)
    assert "\n" not in str(caught.value)
