"""What is known of a job: `<run>.json`, beside its run folder since a run's folder has to be empty at the start."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.job import Job
from launcher.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Record:
    """A job that was begun.

    Args:
        job: its identity.
        revision: of the sources that it ran with; several, joined by `/`, where it was resumed with others.
        started: when it was begun or resumed last, in seconds since 1970.
        seconds: that it took, without what an interruption lost.
        finished: when it ended well; None: it has not.
        trained: of a test or a prediction, what is told of its training: revision, seconds, finished.
        referred: the same of the other jobs whose files it uses, by their folders `name/version`.
    """

    job: dict[str, Any]
    revision: str
    started: float
    seconds: float = 0.0
    finished: float | None = None
    trained: dict[str, Any] | None = None
    referred: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def revisions(self) -> str:
        """Those of all sources that it goes back to, its own last."""
        before = [*self.referred.values(), *([self.trained] if self.trained else [])]
        return joined_revisions(*(told["revision"] for told in before), self.revision)

    @property
    def told(self) -> dict[str, Any]:
        """What the records of jobs that build on it say of it."""
        return {"revision": self.revisions, "seconds": self.seconds, "finished": self.finished}


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
    """Whether a job ended well, and what it made is still there and came from what it needs as that is now."""
    record = read_record(job)
    if record is None or record.finished is None or job.missing is not None:
        return False
    return all(is_done(needed) for needed in job.needs) and not is_stale(record, job)


def is_stale(record: Record, job: Job) -> bool:
    """Whether something that a job needs, or that this needs in turn, was done anew since."""
    return any(_is_newer(needed, _known(record, needed, job)) for needed in job.needs)


def _known(record: Record, needed: Job, job: Job) -> dict[str, Any]:
    """What a job's record tells of one that it needs; nothing where it was not there."""
    told = record.trained if needed is job.training else record.referred.get(place(needed))
    return told or {}


def _is_newer(needed: Job, known: dict[str, Any]) -> bool:
    found = read_record(needed)
    if found is None:
        return False
    return not known or found.finished != known["finished"] or is_stale(found, needed)


def place(job: Job) -> str:
    """A job's folder below that of the grid."""
    return f"{job.run.name}/{job.run.version}"


def told_of_needs(job: Job) -> dict[str, Any]:
    """What a job's record says of the jobs that it needs, as they are now: its `trained` and its `referred`."""
    trained = None if job.training is None else read_record(job.training)
    referred = {place(needed): read_record(needed) for needed in job.referred}
    return {
        "trained": trained.told if trained else None,
        "referred": {name: record.told for name, record in referred.items() if record},
    }


def joined_revisions(*revisions: str) -> str:
    """`a` and `a/b` as `a/b`: each revision once."""
    return "/".join(dict.fromkeys(part for revision in revisions for part in revision.split("/")))
