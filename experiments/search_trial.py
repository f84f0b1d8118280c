"""A trial of a search: its trainings, and the figure that they are worth."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from optuna.trial import Trial

from episodic.errors import require
from experiments.conditions import Condition
from experiments.grid import Grid
from experiments.job import Job
from experiments.jobs import JobMaker
from experiments.overrides import override_arguments
from experiments.search_file import Search
from experiments.search_parameters import Scalar
from launcher.runs.run_folder import RunFolder


@dataclass
class Attempt:
    """A trial under way.

    Args:
        trial: which.
        jobs: its trainings that have not ended.
        values: by seed, what came out of the others.
        seconds: that they took.
        message: why one of them failed; empty: none has.
    """

    trial: Trial
    jobs: list[Job]
    values: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""


class Ended(NamedTuple):
    """A trial that has ended: its number, its value, or why it failed, and the seconds that it took."""

    number: int
    value: float | None
    message: str
    seconds: float


def trial_jobs(search: Search, number: int, values: Mapping[str, Scalar], root: Path) -> list[Job]:
    """The trainings of a trial, a seed each: those of a grid that has the trial for its only condition."""
    arguments = override_arguments(dict(values), "parameters")
    condition = Condition(f"trial {number}", search.config, search.content, arguments)
    grid = Grid(search.name, search.seeds, search.arguments, {}, {condition.name: condition}, (search.metric,))
    return [JobMaker(grid, root / search.name, seed).training(condition) for seed in search.seeds]


def best_figure(run: RunFolder, metric: str) -> float:
    """A validation figure of a run's best checkpoint: the last one that had been logged when it was written.

    Not the best figure of the whole course, unless the run keeps its checkpoints by it: of weights that nobody kept it
    would promise what the run cannot give.

    Raises:
        InputError: the run has not logged any such figure.
    """
    from callbacks.checkpoints import logged_before  # as late as this, since it takes seconds
    from episodic.checkpoints import read_checkpoint

    known, _ = logged_before(read_checkpoint(run.best))
    with (run.path / "metrics.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)[:known]
    found = [row[metric] for row in rows if row.get(metric)]
    figures = ", ".join(name for name in reader.fieldnames or () if name.startswith("val/"))
    require(bool(found), f"metric is {metric!r}, which {run.path} does not have: it must be one of {figures}")
    return float(found[-1])
