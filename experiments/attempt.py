"""Carries one job out: takes up what an interruption left, runs the command, and notes that it is done."""

import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from errors import require
from experiments.jobs import Job
from experiments.record import Record, joined_revisions, read_record, write_record

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
    require(job.product.is_file(), f"{job.title}: the command ended well but left no {job.product}")
    write_record(job, replace(record, seconds=record.seconds + time.monotonic() - begun, finished=time.time()))
    return 0


def _begin(job: Job, revision: str) -> tuple[Record, list[str]]:
    """The record and the command line that a job starts with."""
    found = read_record(job)
    ours = found is not None or not job.run.in_use()
    require(ours, f"run folder {job.run.path} does not belong to this job: move or delete it")
    record = Record(job.identity, revision, started=time.time())
    if job.training is None and found is not None and found.finished is None and job.run.last.is_file():
        revisions = joined_revisions(found.revision, revision)
        record = replace(record, revision=revisions, seconds=_seconds_kept(job, found))
        return record, ["fit", "--ckpt_path", str(job.run.last)]
    shutil.rmtree(job.run.path, ignore_errors=True)  # broken off before its first checkpoint, or to be done anew
    trained = None if job.training is None else read_record(job.training)
    return replace(record, trained=_without_identity(trained) if trained else None), list(job.arguments)


def _seconds_kept(job: Job, interrupted: Record) -> float:
    """What a training that was broken off took as far as its last checkpoint."""
    return interrupted.seconds + max(0.0, job.run.last.stat().st_mtime - interrupted.started)


def _without_identity(record: Record) -> dict[str, object]:
    return {name: value for name, value in asdict(record).items() if name in ("revision", "seconds", "finished")}
