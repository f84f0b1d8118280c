"""What was done under the same root, by other grids or under other names, so that it need not be done again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from experiments.job import Job
from experiments.record import is_done, read_record
from launcher.runs.run_folder import RunFolder

#: Run folders of all grids, by their version, which holds the hash of what was done.
Elsewhere = Mapping[str, Sequence[RunFolder]]


def runs_begun(root: Path) -> Elsewhere:
    """The runs that were begun under a root, by any grid and under any name of a condition."""
    found: dict[str, list[RunFolder]] = {}
    for record in sorted(root.glob("*/*/*.json")):
        name = record.parent
        found.setdefault(record.stem, []).append(RunFolder(name.parent, name.name, record.stem))
    return found


def done_elsewhere(job: Job, others: Elsewhere) -> Job:
    """The same job in the folder where it was done; as it is if it was done nowhere, or begun in its own folder."""
    if read_record(job) is not None:
        return job
    candidates = (replace(job, run=run) for run in others.get(job.run.version, ()))
    return next((candidate for candidate in candidates if is_done(candidate)), job)
