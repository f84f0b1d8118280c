"""Accuracies in streams against Kaiser's memory, one stream and one example at a time."""

import pytest
import torch

from episodic.memory.kaiser_memory import KaiserMemory
from episodic.memory.parallel_kaiser import ParallelKaiserMemories
from episodic.metrics.class_rows import class_rows
from episodic.metrics.sequential import draw_streams
from episodic.metrics.streams import stream_metrics


def test_streams_are_answered_by_kaisers_memory() -> None:
    labels = torch.arange(7).repeat(11)
    points = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))[labels]
    points = points + 0.5 * torch.randn(77, 4, generator=torch.Generator().manual_seed(1))
    found = stream_metrics(ParallelKaiserMemories, points, labels, 6)
    assert list(found) == [f"5way_presentation_{time}" for time in ("02", "03", "06", "11")]
    rows, _ = draw_streams(class_rows(labels), 5, 11, 6, torch.Generator().manual_seed(511))
    right: dict[int, list[bool]] = {time: [] for time in range(1, 12)}
    for stream in rows.tolist():
        memory, met = KaiserMemory(55, 4), [0] * 7
        for row in stream:
            query, label = points[row : row + 1], labels[row : row + 1]
            met[int(label)] += 1
            right[met[int(label)]].append(bool(memory(query).label == label))
            memory.update(query, label)
    for time in (2, 3, 6, 11):
        assert len(right[time]) == 30
        assert found[f"5way_presentation_{time:02d}"].item() == pytest.approx(sum(right[time]) / 30)
    assert 0.3 < found["5way_presentation_02"] < 0.95


def test_streams_need_classes_with_drawings_enough() -> None:
    labels = torch.arange(20).repeat(11)
    found = stream_metrics(ParallelKaiserMemories, torch.eye(20)[labels], labels, 3)
    assert {name.split("_")[0] for name in found} == {"5way", "20way"}
    assert {float(value) for value in found.values()} == {1.0}
    assert stream_metrics(ParallelKaiserMemories, torch.eye(20)[labels][20:], labels[20:], 3) == {}
    assert (
        list(stream_metrics(ParallelKaiserMemories, torch.eye(20)[labels][1:], labels[1:], 3))[-1]
        == "5way_presentation_11"
    )
