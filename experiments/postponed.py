"""Jobs that another process is at: they are left to it, and looked at again later."""

import time
from pathlib import Path

from experiments.job import Job

AGAIN = 10.0  # seconds after which such a job is tried again


class Postponed:
    """The jobs that another process was at when they were tried, by their folders."""

    def __init__(self) -> None:
        self._since: dict[Path, float] = {}

    def __contains__(self, job: Job) -> bool:
        return job.run.path in self._since

    def put(self, job: Job) -> None:
        """Another process is at it."""
        self._since[job.run.path] = time.monotonic()

    def drop(self, job: Job) -> None:
        """It has ended, here or there."""
        self._since.pop(job.run.path, None)

    def is_due(self, job: Job) -> bool:
        """Whether a job can be tried, as all can that were not found so lately."""
        return job not in self or time.monotonic() - self._since[job.run.path] >= AGAIN
