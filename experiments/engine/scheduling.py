"""Runs jobs on a Dask cluster: each is a task with its identity for a key and the jobs that it needs for arguments."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

from distributed import Client, Future, as_completed
from distributed.scheduler import KilledWorker

from episodic.errors import InputError
from experiments.engine.checking import check_options_of
from experiments.engine.cluster import ClusterOptions, connected
from experiments.engine.display import Display, duration
from experiments.engine.job import Job, to_do
from experiments.engine.work import Command, JobFailed, Outcome, work

WORKER_DIED = "its worker died in every attempt: did it run out of memory?"
LOST = "the cluster was lost: run the same command again to continue"
PAUSE = 10.0  # seconds between two calls of `progressed`
AHEAD = 64  # places that a job goes ahead by for each job in the longest chain that waits for it


@dataclass
class Results:
    """What became of jobs.

    Args:
        failed: jobs that failed, with the reason.
        skipped: jobs that were not run, since one that they need failed.
    """

    failed: list[tuple[Job, str]] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)

    def print(self) -> None:
        """Print what failed, and where its output is."""
        for job, reason in self.failed:
            print(f"failed: {job.title}: {reason} (see {job.log})", file=sys.stderr)
        if self.skipped:
            print(f"not run, since a job that they need failed: {len(self.skipped)}", file=sys.stderr)


def run_jobs(
    jobs: Sequence[Job],
    options: ClusterOptions,
    progressed: Callable[[], object] = lambda: None,
    samples: Sequence[Job] = (),
) -> Results:
    """Run all jobs that are not done, with what they need.

    Args:
        jobs: in the order in which they are wanted.
        options: where they run; without workers none is run.
        progressed: called every few seconds, if a job has ended.
        samples: jobs, one for all seeds, whose options are checked before any job is run.

    Raises:
        InputError: there is no such cluster, it was lost, or an option of a sample is wrong.
    """
    waiting = to_do(jobs)
    if not waiting or not options.can_work:
        return Results()
    with connected(options) as client:
        check_options_of(client, to_do(samples))
        return run_on(client, waiting, progressed)


def run_on(
    client: Client, jobs: Sequence[Job], progressed: Callable[[], object] = lambda: None, command: Command | None = None
) -> Results:
    """Run jobs on a cluster. Jobs that another client has handed to it are not run twice.

    Args:
        client: of the cluster.
        jobs: each after what it needs.
        progressed: see `run_jobs`.
        command: in place of `cli.main`.

    Raises:
        InputError: the cluster was lost.
    """
    futures: dict[str, Future[Outcome]] = {}
    for job, priority in zip(jobs, priorities(jobs), strict=True):
        needs = [futures[need.key] for need in job.needs if need.key in futures]
        futures[job.key] = client.submit(work, job, needs, os.getcwd(), command, key=job.key, priority=priority)
    by_key, results, last = {job.key: job for job in jobs}, Results(), time.monotonic()
    with Display(len(jobs)) as display:
        for future in as_completed(futures.values()):
            job = by_key[future.key]
            try:
                outcome: Outcome = future.result()
                display.ended(f"{job.title}: {duration(outcome.seconds)}", notes=outcome.notes)
            except CancelledError:
                raise InputError(LOST) from None
            except Exception as error:
                key, reason = reason_of(error)
                if key in ("", job.key):
                    results.failed.append((job, reason))
                    display.ended(f"failed: {job.title}: {reason}", failed=True)
                else:
                    results.skipped.append(job)
                    display.ended(f"not run: {job.title}")
            if time.monotonic() - last > PAUSE:
                progressed()
                last = time.monotonic()
    return results


def priorities(jobs: Sequence[Job]) -> list[int]:
    """Return which jobs go first, by higher numbers: the earlier ones, and those that chains of others wait for.

    At the end short chains are left, so that no worker waits long for the last one.
    """
    waiting = dict.fromkeys((job.key for job in jobs), 0)  # the length of the longest chain of jobs that wait for it
    for job in reversed(jobs):
        for need in job.needs:
            waiting[need.key] = max(waiting.get(need.key, 0), waiting[job.key] + 1)
    return [AHEAD * waiting[job.key] - place for place, job in enumerate(jobs)]


def reason_of(error: BaseException) -> tuple[str, str]:
    """Return the key of the job that failed, if it is known, and the reason in one line."""
    if isinstance(error, JobFailed):
        return error.key, error.reason
    if isinstance(error, KilledWorker):
        return str(error.task), WORKER_DIED
    return "", " ".join(f"{type(error).__name__}: {error}".split())
