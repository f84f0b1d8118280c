"""Which job is next, and how long the rest will take."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from experiments.job import Job


def next_job(waiting: Sequence[Job], unfinished: Collection[Path]) -> Job | None:
    """The first job of which nothing that it needs is among the unfinished folders; None: there is none yet."""
    return next((job for job in waiting if not any(needed.run.path in unfinished for needed in job.needs)), None)


def cancelled(waiting: Sequence[Job], failed: Job) -> list[Job]:
    """The jobs that cannot be done since `failed` failed: those that need it, and those that need them."""
    return [job for job in waiting if _depends(job, failed)]


def _depends(job: Job, other: Job) -> bool:
    return any(needed.run.path == other.run.path or _depends(needed, other) for needed in job.needs)


def is_training(job: Job) -> bool:
    """The kind of a job: trainings and others take different times."""
    return job.training is None


def seconds_left(
    waiting: Sequence[Job],
    running: Sequence[tuple[Job, float]],
    taken: Mapping[bool, Sequence[float]],
    workers: int,
) -> float | None:
    """What the jobs that wait and run will take, were each to take as long as those of its kind did on average.

    `running` has the seconds that each has taken so far, `taken` by kind (see `is_training`) those of jobs that ended.
    None where no job of a kind has ended yet.
    """
    jobs = [(job, 0.0) for job in waiting] + list(running)
    if not all(taken.get(is_training(job)) for job, _ in jobs):
        return None
    mean = {kind: sum(seconds) / len(seconds) for kind, seconds in taken.items() if seconds}
    return sum(max(0.0, mean[is_training(job)] - gone) for job, gone in jobs) / workers


def duration(seconds: float) -> str:
    """`45 s`, `12 min` or `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
