import pytest

from experiments.schedule import cancelled, duration, next_job, seconds_left
from experiments.selection import job_order
from tests.experiments.grids import cells

JOBS = job_order(cells(seeds=[1]))  # append, its four tests, stack, its two
TRAINED, STACK = JOBS[0], JOBS[5]


def test_a_test_waits_for_its_training() -> None:
    unfinished = {job.run.path for job in JOBS}
    assert next_job(JOBS, unfinished) is TRAINED
    assert next_job(JOBS[1:], unfinished) is STACK
    assert next_job([*JOBS[1:5], *JOBS[6:]], unfinished) is None


def test_a_test_comes_before_the_next_training() -> None:
    unfinished = {job.run.path for job in JOBS[1:]}
    assert next_job(JOBS[1:], unfinished) is JOBS[1]


def test_only_the_tests_of_a_failed_training_are_cancelled() -> None:
    assert cancelled(JOBS[1:], TRAINED) == JOBS[1:5]
    assert cancelled(JOBS[2:], JOBS[1]) == []


def test_time_left() -> None:
    taken = {True: [50.0, 70.0], False: [3.0]}
    waiting, running = JOBS[6:], [(STACK, 20.0), (JOBS[4], 10.0)]
    assert seconds_left(waiting, running, taken, 2) == pytest.approx((2 * 3 + (60 - 20) + 0) / 2)
    assert seconds_left(waiting, running, {True: [50.0]}, 2) is None
    assert seconds_left(waiting, [], {False: [5.0]}, 1) == 10
    assert seconds_left([], [], {}, 2) == 0


@pytest.mark.parametrize(("seconds", "told"), [(7.4, "7 s"), (150, "2 min"), (12600, "3.5 h")])
def test_durations_are_short(seconds: float, told: str) -> None:
    assert duration(seconds) == told
