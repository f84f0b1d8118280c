"""What a grid asks for, as jobs: one command line each, in a run folder named after a hash of what decides it."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from errors import InputError, require
from experiments.grid import Condition, Grid
from launcher.run_folder import RunFolder

LONGEST_NAME = 60
QUIET = "--trainer.enable_progress_bar=false"


@dataclass(frozen=True)
class Job:
    """One command.

    Args:
        title: what it is called in messages.
        run: where it writes.
        identity: all that decides how it turns out, apart from the sources; kept beside the run.
        arguments: the command line.
        training: the training whose best checkpoint it tests; None: it is a training itself.
    """

    title: str
    run: RunFolder
    identity: dict[str, Any]
    arguments: tuple[str, ...]
    training: "Job | None" = None

    @property
    def product(self) -> Path:
        """The file that is there once the job is done."""
        return self.run.best if self.training is None else self.run.path / "metrics.json"


class Cell(NamedTuple):
    """One row of the results, and the job that it comes from."""

    condition: str
    evaluation: str
    seed: int
    test: Job


def grid_cells(grid: Grid, root: Path) -> list[Cell]:
    """Every row of the results, by condition, evaluation and seed in the grid's order."""
    return [
        Cell(condition.name, evaluation, seed, _test(grid, condition, evaluation, seed, root / grid.name))
        for condition in grid.conditions.values()
        for evaluation in grid.evaluations
        for seed in grid.seeds
    ]


def _training(grid: Grid, condition: Condition, seed: int, root: Path) -> Job:
    overrides = [*grid.arguments, *condition.arguments]
    identity = {"config": condition.config.name, "content": condition.content, "seed": seed, "arguments": overrides}
    run = RunFolder(root, folder_name(condition.name), f"seed_{seed}-{digest(identity)}")
    start = ["fit", "--config", str(condition.config), "--seed_everything", str(seed)]
    arguments = (*start, *_place(run), *overrides, QUIET)
    return Job(f"train {condition.name} / seed {seed}", run, identity, arguments)


def _test(grid: Grid, condition: Condition, evaluation: str, seed: int, root: Path) -> Job:
    training = _training(grid, grid.conditions[condition.trained_as or condition.name], seed, root)
    own = condition.arguments if condition.trained_as else ()
    overrides = [*own, *grid.evaluations[evaluation]]
    identity = {"trained": training.identity, "arguments": overrides}
    version = f"{training.run.version}-{folder_name(evaluation)}-{digest(identity)}"
    run = RunFolder(root, folder_name(condition.name), version)
    arguments = ("test", "--ckpt_path", str(training.run.best), *_place(run), *overrides, QUIET)
    return Job(f"test {condition.name} / {evaluation} / seed {seed}", run, identity, arguments, training)


def _place(run: RunFolder) -> list[str]:
    return ["--run.root", str(run.root), "--run.name", run.name, "--run.version", run.version]


def folder_name(name: str) -> str:
    """A name with `_` for all but letters and digits; names that become the same are told apart by the hash."""
    return re.sub(r"\W+", "_", name).strip("_")[:LONGEST_NAME] or "_"


def digest(identity: dict[str, Any]) -> str:
    """Eight digits that change when anything about a job does."""
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]


def job_order(cells: Sequence[Cell]) -> list[Job]:
    """All jobs, each once: seed by seed, so that an interrupted grid has whole seeds, each test after its training."""
    jobs: dict[Path, Job] = {}
    for seed in dict.fromkeys(cell.seed for cell in cells):
        for cell in cells:
            if cell.seed == seed and (training := cell.test.training) is not None:
                jobs.setdefault(training.run.path, training)
                jobs.setdefault(cell.test.run.path, cell.test)
    return list(jobs.values())


def only(cells: Sequence[Cell], substring: str) -> list[Cell]:
    """The cells of those conditions whose name contains `substring`.

    Raises:
        InputError: no condition's does.
    """
    chosen = [cell for cell in cells if substring in cell.condition]
    known = ", ".join(repr(name) for name in dict.fromkeys(cell.condition for cell in cells))
    require(bool(chosen), f"--only is {substring!r}: it has to be part of a condition's name, of {known}")
    return chosen


def shard(jobs: Sequence[Job], index: int, count: int) -> list[Job]:
    """Every `count`-th training, from the `index`-th (from 1), with all its tests."""
    trainings = [job.run.path for job in jobs if job.training is None]
    mine = set(trainings[index - 1 :: count])
    return [job for job in jobs if (job.training or job).run.path in mine]


def parse_shard(text: str) -> tuple[int, int]:
    """`2/3` as (2, 3).

    Raises:
        InputError: it is not `i/n` with 1 <= i <= n.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    index, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= index <= count:
        raise InputError(f"--shard is {text!r}: it has to be i/n with i from 1 to n, such as 1/2")
    return index, count
