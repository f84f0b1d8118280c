"""A job: one command line, in a run folder that is named after a hash of all that decides its result."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from episodic.files import replace_text
from launcher.runs.run_folder import RunFolder

#: Left beside `metrics.json` by the test of a bandit agent.
REGRET_FILE = "regret_by_pull.csv"
PRODUCTS = {"predict": "harvest.npz", "test": "metrics.json"}


@dataclass(frozen=True)
class Job:
    """One command.

    Args:
        kind: `train`, `predict` or `test`.
        title: its name in messages.
        run: the folder it writes to.
        identity: hash of all that decides its result, apart from the sources. Jobs with one identity are the same.
        arguments: of the command line.
        needs: jobs that come before it; the first one of a test or a prediction is the training it uses.
        also: names of files that it must leave in its folder besides its product.
    """

    kind: str
    title: str
    run: RunFolder
    identity: str
    arguments: tuple[str, ...]
    needs: "tuple[Job, ...]" = ()
    also: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name on a Dask cluster; keys that start alike are taken to last alike."""
        return f"{self.kind}-{self.identity}"

    @cached_property
    def product(self) -> Path:
        """The file that later jobs use."""
        return self.run.best if self.kind == "train" else self.run.path / PRODUCTS[self.kind]

    @property
    def missing(self) -> Path | None:
        """The first file that the job has not left; None where all are there."""
        files = (self.product, *(self.run.path / name for name in self.also))
        return next((path for path in files if not path.is_file()), None)

    @property
    def log(self) -> Path:
        """The file of its output."""
        return self.run.path.with_name(f"{self.run.version}.log")

    @property
    def record_path(self) -> Path:
        """Beside the run's folder, which must be empty when a run starts."""
        return self.run.path.with_name(f"{self.run.version}.json")


@dataclass(frozen=True)
class Record:
    """What is known of a job that was begun.

    Args:
        identity: the job's.
        title: the job's, under the first grid that asked for it.
        revision: of the sources; several, joined by `/`, if it was resumed with others.
        started: when it was begun or resumed, in seconds since 1970.
        seconds: its duration, without time lost by interruptions.
        finished: when it ended well; None: it has not.
        size: bytes of its product.
        parameters: how many numbers a training has learned; 0: not known.
        arithmetic: what computes on the processor of the worker, see `episodic.native.arithmetic`.
        needs: by key, what the records of the jobs that it needs said when it began.
    """

    identity: str
    title: str
    revision: str
    started: float
    seconds: float = 0.0
    finished: float | None = None
    size: int = 0
    parameters: int = 0
    arithmetic: str = ""
    needs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def revisions(self) -> str:
        """The revisions of all sources that the result goes back to, its own last."""
        return joined(*(need["revisions"] for need in self.needs.values()), self.revision)


def identity_of(content: Any) -> str:
    """Return twelve digits that change when anything in the content does."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


def joined(*revisions: str) -> str:
    """Return `a` and `a/b` as `a/b`: each revision once."""
    return "/".join(dict.fromkeys(part for revision in revisions for part in revision.split("/")))


def read_record(job: Job) -> Record | None:
    """Return the record of a job; None if there is none, or another job's."""
    try:
        record = Record(**json.loads(job.record_path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if record.identity == job.identity else None


def write_record(job: Job, record: Record) -> None:
    """Replace a job's record."""
    replace_text(job.record_path, json.dumps(asdict(record), indent=2) + "\n")


def new_record(job: Job, revision: str, started: float) -> Record:
    """Return the record of a job that begins now."""
    records = {need.key: read_record(need) for need in job.needs}
    needs = {
        key: {"finished": record.finished, "seconds": record.seconds, "revisions": record.revisions}
        for key, record in records.items()
        if record is not None
    }
    return Record(job.identity, job.title, revision, started, needs=needs)


def is_done(job: Job) -> bool:
    """Return whether a job succeeded, its files are complete, and the jobs that it used have not been repeated since.

    Files that it used may be deleted.
    """
    record = read_record(job)
    if record is None or record.finished is None or job.missing is not None:
        return False
    return job.product.stat().st_size == record.size and not is_stale(job, record)


def is_stale(job: Job, record: Record) -> bool:
    """Return whether a job that this one needs was repeated since this one began, or is stale itself."""
    for need in job.needs:
        now, then = read_record(need), record.needs.get(need.key)
        if now is not None and (then is None or then["finished"] != now.finished or is_stale(need, now)):
            return True
    return False


def to_do(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs that are not done with all that they need, each once and after what it needs."""
    order: dict[str, Job] = {}
    for job in jobs:
        _add(job, order)
    return list(order.values())


def _add(job: Job, order: dict[str, Job]) -> None:
    if job.key not in order and not is_done(job):
        for need in job.needs:
            _add(need, order)
        order[job.key] = job
