"""Worker processes, each with a pipe of its own: one that is killed harms no other."""

import multiprocessing
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType

from experiments.job import Job
from experiments.worker import Outcome, work

#: Read by the numeric libraries when a worker starts: the workers are the parallelism.
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass
class _Worker:
    process: SpawnProcess
    connection: "Connection[tuple[Job, str], Outcome]"
    job: Job | None = None
    since: float = 0.0


class WorkerPool:
    """Up to `size` processes, started when they are needed; leaving the context kills them.

    Args:
        size: the most jobs at a time.
        revision: of the sources, which the jobs note down.
    """

    def __init__(self, size: int, revision: str) -> None:
        self.size, self.revision = size, revision
        self._workers: list[_Worker] = []

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        started = [worker.process for worker in self._workers if worker.process.pid is not None]
        for process in started:
            process.kill()
        for process in started:
            process.join()

    @property
    def running(self) -> Mapping[Path, tuple[Job, float]]:
        """The jobs under way, by their folder, with the seconds that they have taken."""
        now = time.monotonic()
        return {worker.job.run.path: (worker.job, now - worker.since) for worker in self._workers if worker.job}

    @property
    def free(self) -> bool:
        """Whether a job can be taken on."""
        return len(self.running) < self.size

    def submit(self, job: Job) -> None:
        """Give a job to a worker that has none."""
        self._workers = [worker for worker in self._workers if worker.job or worker.process.is_alive()]
        worker = next((worker for worker in self._workers if worker.job is None), None) or self._start()
        worker.job, worker.since = job, time.monotonic()
        worker.connection.send((job, self.revision))

    def wait(self, timeout: float) -> list[tuple[Job, Outcome]]:
        """The jobs that have ended; waits for the first of them, but no longer than `timeout` seconds."""
        busy = {worker.connection: worker for worker in self._workers if worker.job is not None}
        return [self._ended(busy[connection]) for connection in wait(list(busy), timeout)]  # type: ignore[index]

    def _ended(self, worker: _Worker) -> tuple[Job, Outcome]:
        job, worker.job = worker.job, None
        assert job is not None
        try:
            return job, worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            self._workers.remove(worker)
            seconds = time.monotonic() - worker.since
            return job, Outcome(1, f"its process ended with status {worker.process.exitcode}", seconds)

    def _start(self) -> _Worker:
        os.environ.update(THREADS)
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs,))
        worker = _Worker(process, ours)
        self._workers.append(worker)  # first, so that a Ctrl-C here does not leave it behind
        process.start()
        theirs.close()
        return worker
