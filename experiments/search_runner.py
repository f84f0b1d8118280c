"""One process of a search: takes trials, has its workers train them, and notes what they were worth."""

import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from optuna.trial import Trial

from episodic.errors import InputError
from experiments.job import Job
from experiments.pool import WorkerPool
from experiments.postponed import Postponed
from experiments.record import is_done, read_record
from experiments.revision import source_revision
from experiments.search_display import SearchDisplay
from experiments.search_file import Search
from experiments.search_parameters import Scalar
from experiments.search_report import write_trials
from experiments.search_study import VALUES, SharedStudy, number_of
from experiments.search_summary import CSV, sum_up
from experiments.search_trial import Attempt, Ended, best_figure, trial_jobs
from experiments.worker import Outcome


class SearchRunner:
    """What one process does at a search.

    Args:
        search: which.
        study: the trials, shared with other processes.
        root: folder of all searches.
    """

    def __init__(self, search: Search, study: SharedStudy, root: Path) -> None:
        self.search, self.study, self.root = search, study, root
        self.folder = root / search.name
        self.queue: deque[Job] = deque()
        self.attempts: dict[Path, Attempt] = {}  # by the folders of all jobs that wait or run
        self.postponed = Postponed()
        self.ended: deque[Ended] = deque()  # and not been told of
        self.taken: list[float] = []

    def run(self, workers: int) -> int:
        """Do trials with so many processes until none is left anywhere; returns the exit status."""
        if workers:
            try:
                display = SearchDisplay(self.search.trials, self.search.metric)
                with display, WorkerPool(workers, source_revision()) as pool:
                    while not self.study.settled:
                        self._step(display, pool)
            finally:
                self.study.leave()
        return sum_up(self.search, self.study, self.folder)

    def _step(self, display: SearchDisplay, pool: WorkerPool) -> None:
        self.study.beat()
        while pool.free and (job := self._next_job()) is not None:
            pool.submit(job)
        for job, outcome in pool.wait(timeout=0.5):
            if outcome.locked and job not in self.postponed:
                display.waits_for(job, outcome)
            self._take(job, outcome)
        left = self._left(pool)
        display.know(self.study.trials, self.study.best)
        while self.ended:
            display.trial_ended(self.ended.popleft(), left)
            write_trials(self.folder / CSV, self.search, self.study.trials)
        display.update([job for job, _ in pool.running.values()], left)

    def _next_job(self) -> Job | None:
        """The next training of the trials that were taken, or of one that is taken now."""
        while (job := self._waiting_job()) is None:
            if (claimed := self.study.claim()) is None:
                return None
            self._begin(*claimed)
        return job

    def _waiting_job(self) -> Job | None:
        """The first training of the queue that can be tried now; taken out of it."""
        job = next(filter(self.postponed.is_due, self.queue), None)
        if job is not None:
            self.queue.remove(job)
        return job

    def _begin(self, trial: Trial, values: dict[str, Scalar]) -> None:
        """Put a trial's trainings into the queue; those that are done need not be."""
        if (twin := self.study.twin(values)) is not None:
            return self._finish(trial, twin.user_attrs[VALUES], 0.0)
        jobs = trial_jobs(self.search, number_of(trial), values, self.root)
        attempt = Attempt(trial, list(jobs))
        for job in jobs:
            under_way = job.run.path in self.attempts  # of this same trial, before it was taken for left
            self.attempts[job.run.path] = attempt
            if under_way:
                continue
            if is_done(job):  # by a process that did not come to say so
                record = read_record(job)
                self._take(job, Outcome(0, "", record.seconds if record else 0.0))
            else:
                self.queue.append(job)
        return None

    def _take(self, job: Job, outcome: Outcome) -> None:
        """Note how a training has ended; with the last of a trial's, the trial ends.

        One that another process is at, which was taken for dead too early, is left to it and looked at again later.
        """
        if outcome.locked and not self.attempts[job.run.path].message:
            self.postponed.put(job)
            self.queue.append(job)
            return
        self.postponed.drop(job)
        attempt = self.attempts.pop(job.run.path)
        attempt.jobs.remove(job)
        attempt.seconds += outcome.seconds
        if outcome.status:
            attempt.message = attempt.message or outcome.message
            for other in [waiting for waiting in self.queue if waiting in attempt.jobs]:
                self.queue.remove(other)
                attempt.jobs.remove(other)
                del self.attempts[other.run.path]
        else:
            self.taken.append(outcome.seconds)
            self._value(job, attempt)
        if not attempt.jobs:
            self._end(attempt)

    def _value(self, job: Job, attempt: Attempt) -> None:
        """Note what a training is worth."""
        try:
            value = best_figure(job.run, self.search.metric)
        except InputError as error:
            if self.study.best is None:  # the first of them: a slip in the search's file
                raise
            attempt.message = str(error)
            return
        attempt.values[job.identity["seed"]] = value
        if not math.isfinite(value):
            attempt.message = f"{self.search.metric} is {value}"

    def _end(self, attempt: Attempt) -> None:
        if not attempt.message:
            self._finish(attempt.trial, [attempt.values[seed] for seed in self.search.seeds], attempt.seconds)
        elif self.study.fail(attempt.trial, attempt.message, attempt.seconds):
            self.ended.append(Ended(number_of(attempt.trial), None, attempt.message, attempt.seconds))

    def _finish(self, trial: Trial, values: Sequence[float], seconds: float) -> None:
        if self.study.finish(trial, values, seconds):
            self.ended.append(Ended(number_of(trial), sum(values) / len(values), "", seconds))

    def _left(self, pool: WorkerPool) -> float | None:
        """Seconds that the rest will take, were this process to do all that nobody has taken."""
        if not self.taken:
            return None
        new = max(0, self.search.trials - len(self.study.trials)) * len(self.search.seeds)
        mean = sum(self.taken) / len(self.taken)
        gone = sum(min(mean, seconds) for _, seconds in pool.running.values())
        return (mean * (new + len(self.attempts)) - gone) / pool.size
