"""Carries one job out: takes up what an interruption left, runs the command, and notes that it is done."""

import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import replace

from episodic.errors import require
from experiments.job import Job
from experiments.record import Record, is_stale, joined_revisions, read_record, told_of_needs, write_record

#: The project's command line: arguments -> exit status.
Command = Callable[[list[str]], int]


def carry_out(job: Job, revision: str, command: Command) -> int:
    """Run a job; returns the command's exit status.

    Raises:
        InputError: something else lies in the job's folder, or the command left nothing.
    """
    record, arguments = _begin(job, revision)
    write_record(job, record)
    print(f"$ {shlex.join(['cli.py', *arguments])}", flush=True)
    begun = time.monotonic()
    if status := command(arguments):
        return status
    require(job.missing is None, f"{job.title}: the command ended well but left no {job.missing}")
    write_record(job, replace(record, seconds=record.seconds + time.monotonic() - begun, finished=time.time()))
    return 0


def _begin(job: Job, revision: str) -> tuple[Record, list[str]]:
    """The record and the command line that a job starts with."""
    found = read_record(job)
    ours = found is not None or not job.run.in_use()
    require(ours, f"run folder {job.run.path} does not belong to this job: move or delete it")
    record = Record(job.identity, revision, started=time.time(), **told_of_needs(job))
    if found is not None and _can_go_on(job, found):
        revisions = joined_revisions(found.revision, revision)
        record = replace(record, revision=revisions, seconds=_seconds_kept(job, found))
        return record, ["fit", "--ckpt_path", str(job.run.last)]
    shutil.rmtree(job.run.path, ignore_errors=True)  # broken off before its first checkpoint, or to be done anew
    return record, list(job.arguments)


def _can_go_on(job: Job, found: Record) -> bool:
    """Whether a training was broken off after its first checkpoint, and what it builds on is still the same."""
    return job.training is None and found.finished is None and job.run.last.is_file() and not is_stale(found, job)


def _seconds_kept(job: Job, interrupted: Record) -> float:
    """What a training that was broken off took as far as its last checkpoint."""
    return interrupted.seconds + max(0.0, job.run.last.stat().st_mtime - interrupted.started)
