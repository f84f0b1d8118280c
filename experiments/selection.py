"""Which jobs are done, and in which order: all, those of some conditions, or a share of them."""

import re
from collections.abc import Sequence
from pathlib import Path

from episodic.errors import InputError, require
from experiments.job import Cell, Job


def job_order(cells: Sequence[Cell]) -> list[Job]:
    """All jobs, each once: seed by seed, so that an interrupted grid has whole seeds, each after what it needs."""
    jobs: dict[Path, Job] = {}
    for seed in dict.fromkeys(cell.seed for cell in cells):
        for cell in cells:
            if cell.seed == seed:
                _add(cell.test, jobs)
    return list(jobs.values())


def _add(job: Job, jobs: dict[Path, Job]) -> None:
    if job.run.path not in jobs:
        for needed in job.needs:
            _add(needed, jobs)
        jobs[job.run.path] = job


def only(cells: Sequence[Cell], substring: str) -> list[Cell]:
    """The cells of those conditions whose name contains `substring`.

    Raises:
        InputError: no condition's does.
    """
    chosen = [cell for cell in cells if substring in cell.condition]
    known = ", ".join(repr(name) for name in dict.fromkeys(cell.condition for cell in cells))
    require(bool(chosen), f"--only is {substring!r}: it must be part of a condition's name, of {known}")
    return chosen


def shard(jobs: Sequence[Job], index: int, count: int) -> list[Job]:
    """Every `count`-th group of jobs, from the `index`-th (from 1).

    A group is a training with all its tests and with the trainings that need what it makes, or make what it needs.
    """
    groups: dict[Path, list[Path]] = {}  # the same list for all jobs of a group
    for job in jobs:
        joined = {id(groups[needed.run.path]): groups[needed.run.path] for needed in job.needs}
        group = [path for part in joined.values() for path in part] + [job.run.path]
        groups.update(dict.fromkeys(group, group))
    order = list({id(groups[job.run.path]): groups[job.run.path] for job in jobs}.values())
    mine = {path for group in order[index - 1 :: count] for path in group}
    return [job for job in jobs if job.run.path in mine]


def parse_shard(text: str) -> tuple[int, int]:
    """`2/3` as (2, 3).

    Raises:
        InputError: it is not `i/n` with 1 <= i <= n.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    index, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= index <= count:
        raise InputError(f"--shard is {text!r}: it must be i/n with i from 1 to n, such as 1/2")
    return index, count
