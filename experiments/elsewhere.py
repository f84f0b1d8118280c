"""What other grids under the same root have done, so that it need not be done again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from experiments.job import Job
from experiments.record import is_done, read_record
from launcher.run_folder import RunFolder

#: Run folders of other grids, by their version, which holds the hash of what was done.
Elsewhere = Mapping[str, Sequence[RunFolder]]


def runs_elsewhere(root: Path, grid: str) -> Elsewhere:
    """The runs that other grids than `grid` have begun under the same root."""
    found: dict[str, list[RunFolder]] = {}
    for record in sorted(root.glob("*/*/*.json")):
        name = record.parent
        if name.parent.name != grid:
            found.setdefault(record.stem, []).append(RunFolder(name.parent, name.name, record.stem))
    return found


def done_elsewhere(job: Job, others: Elsewhere) -> Job:
    """The same job in the folder where another grid has done it; as it is if none has, or if it was begun here."""
    if read_record(job) is not None:
        return job
    candidates = (replace(job, run=run) for run in others.get(job.run.version, ()))
    return next((candidate for candidate in candidates if is_done(candidate)), job)
