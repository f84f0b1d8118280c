"""Schedules at their ends, in between, and beyond."""

import math

import pytest

from episodic.errors import InputError
from episodic.objectives.schedules import CosineSchedule, LinearSchedule, Schedule, WarmupCosineSchedule


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.0, 2.0), (0.1, 1.7), (0.25, 1.25), (0.5, 0.5), (0.7, 0.5), (1.0, 0.5)]
)
def test_linear(progress: float, expected: float) -> None:
    assert LinearSchedule(2.0, 0.5, duration=0.5)(progress) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 2.0), (0.125, 1.25 + 0.75 * math.sqrt(0.5)), (0.25, 1.25), (0.5, 0.5), (0.7, 0.5), (1.0, 0.5)],
)
def test_cosine(progress: float, expected: float) -> None:
    assert CosineSchedule(2.0, 0.5, duration=0.5)(progress) == pytest.approx(expected)


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.0), (0.1, 1.0), (0.2, 2.0), (0.6, 1.25), (1.0, 0.5)])
def test_warmup(progress: float, expected: float) -> None:
    assert WarmupCosineSchedule(2.0, 0.5, warmup=0.2)(progress) == pytest.approx(expected)


def test_no_warmup_is_a_cosine() -> None:
    plain, warm = CosineSchedule(2.0, 0.5), WarmupCosineSchedule(2.0, 0.5, warmup=0.0)
    assert [warm(x / 10) for x in range(11)] == pytest.approx([plain(x / 10) for x in range(11)])


def test_nothing_but_warmup() -> None:
    schedule = WarmupCosineSchedule(2.0, 0.5, warmup=1.0)
    assert [schedule(x / 4) for x in range(5)] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])


@pytest.mark.parametrize(
    "schedule",
    [
        LinearSchedule(2.0, 0.5),
        LinearSchedule(0.0, 3.0, duration=0.3),
        CosineSchedule(2.0, 0.5),
        WarmupCosineSchedule(2.0, 0.5),
        WarmupCosineSchedule(2.0, 0.5, warmup=1.0),
    ],
    ids=["linear", "short", "cosine", "warm-up", "warm-up alone"],
)
def test_progress_is_clipped(schedule: Schedule) -> None:
    assert schedule(-0.5) == pytest.approx(schedule(0.0))
    assert schedule(1.5) == pytest.approx(schedule(1.0))


@pytest.mark.parametrize("kind", [LinearSchedule, CosineSchedule])
@pytest.mark.parametrize("duration", [0.0, -0.1, 1.1])
def test_bad_duration_is_named(kind: type[LinearSchedule], duration: float) -> None:
    with pytest.raises(InputError, match=f"^duration is {duration}"):
        kind(1.0, 0.0, duration)


@pytest.mark.parametrize("warmup", [-0.1, 1.1])
def test_bad_warmup_is_named(warmup: float) -> None:
    with pytest.raises(InputError, match=f"^warmup is {warmup}"):
        WarmupCosineSchedule(1.0, 0.0, warmup)
