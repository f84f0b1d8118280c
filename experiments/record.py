"""What is known of a job: `<run>.json`, beside its run folder since a run's folder has to be empty at the start."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.jobs import Job
from launcher.run_folder import RunFolder


@dataclass(frozen=True)
class Record:
    """A job that was begun.

    Args:
        job: its identity.
        revision: of the sources that it ran with; several, joined by `/`, where it was resumed with others.
        started: when it was begun or resumed last, in seconds since 1970.
        seconds: that it took, without what an interruption lost.
        finished: when it ended well; None: it has not.
        trained: of a test, the record of its training, without its identity.
    """

    job: dict[str, Any]
    revision: str
    started: float
    seconds: float = 0.0
    finished: float | None = None
    trained: dict[str, Any] | None = None


def record_path(run: RunFolder) -> Path:
    """Where a job's record is kept."""
    return run.path.with_name(f"{run.version}.json")


def log_path(run: RunFolder) -> Path:
    """Where the output of a job goes."""
    return run.path.with_name(f"{run.version}.log")


def read_record(job: Job) -> Record | None:
    """The record of a job; None where there is none, or that of a job with other arguments."""
    try:
        record = Record(**json.loads(record_path(job.run).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if record.job == job.identity else None


def write_record(job: Job, record: Record) -> None:
    """Put a job's record in place of the one before."""
    write_whole(record_path(job.run), json.dumps(asdict(record), indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it holds, at any moment, all of the old text or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replacement = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    replacement.write_text(text, encoding="utf-8")
    os.replace(replacement, path)


def is_done(job: Job) -> bool:
    """Whether a job ended well, and what it made is still there and came from the training as it is now."""
    record = read_record(job)
    if record is None or record.finished is None or not job.product.is_file():
        return False
    if job.training is None:
        return True
    return is_done(job.training) and not is_stale(record, job.training)


def is_stale(test: Record, training: Job) -> bool:
    """Whether a training was done anew since it was tested."""
    trained = read_record(training)
    return trained is not None and (test.trained is None or trained.finished != test.trained["finished"])


def joined_revisions(*revisions: str) -> str:
    """`a` and `a/b` as `a/b`: each revision once."""
    return "/".join(dict.fromkeys(part for revision in revisions for part in revision.split("/")))
