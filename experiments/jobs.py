"""What a grid asks for, as jobs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from experiments.conditions import Condition
from experiments.elsewhere import Elsewhere, done_elsewhere, runs_begun
from experiments.grid import Grid
from experiments.job import REGRET_FILE, Cell, Job, digest
from experiments.record import read_record
from experiments.references import Reference, find_reference
from launcher.runs.run_folder import RunFolder

LONGEST_NAME = 60
QUIET = "--trainer.enable_progress_bar=false"


def grid_cells(grid: Grid, root: Path) -> list[Cell]:
    """Every row of the results, by condition, evaluation and seed in the grid's order."""
    others, planned = runs_begun(root), dict[str, Job]()
    return [
        Cell(
            name,
            evaluation,
            seed,
            JobMaker(grid, root / grid.name, seed, others, planned).test(grid.conditions[name], evaluation),
        )
        for name in grid.tested
        for evaluation in grid.conditions[name].evaluations
        for seed in grid.seeds
    ]


class _Referred(NamedTuple):
    """A file that another job makes; None: its product."""

    job: Job
    file: str | None

    @property
    def path(self) -> Path:
        return self.job.product if self.file is None else self.job.run.path / self.file


@dataclass(frozen=True)
class JobMaker:
    """Makes the jobs of a grid for one seed, with all that they need.

    Args:
        grid: which.
        root: folder of its runs.
        seed: of the trainings, where a condition has none of its own.
        others: what was done before, which is not done again.
        planned: the trainings and predictions so far, by their version, of which none is to be done twice.
    """

    grid: Grid
    root: Path
    seed: int
    others: Elsewhere = field(default_factory=dict)
    planned: dict[str, Job] = field(default_factory=dict)

    def training(self, condition: Condition) -> Job:
        """The training of a condition, which may be another's."""
        if condition.trained_as is not None:
            return self.training(self.grid.conditions[condition.trained_as])
        seed = self.seed if condition.seed is None else condition.seed
        overrides = [*self.grid.arguments, *condition.arguments]
        arguments, referred = replace(self, seed=seed)._resolved(overrides)
        identity = {"config": condition.config.name, "content": condition.content, "seed": seed}
        identity |= {"arguments": _identified(overrides, referred)}
        run = RunFolder(self.root, folder_name(condition.name), f"seed_{seed}-{digest(identity)}")
        start = ["fit", "--config", str(condition.config), "--seed_everything", str(seed)]
        command = (*start, *_place(run), *arguments, QUIET)
        job = Job(f"train {condition.name} / seed {seed}", run, identity, command, None, _jobs(referred))
        return self._once(job)

    def test(self, condition: Condition, evaluation: str) -> Job:
        """The test of a condition under one of its evaluations."""
        return self._use("test", condition, condition.evaluations[evaluation], evaluation)

    def prediction(self, condition: Condition) -> Job:
        """The job that leaves a condition's harvest."""
        return self._use("predict", condition, condition.predicts or (), "harvest")

    def _use(self, command: str, condition: Condition, more: Sequence[str], name: str) -> Job:
        """A job that uses the best checkpoint of a condition's training."""
        training = self.training(condition)
        overrides = [*(condition.arguments if condition.trained_as else ()), *more]
        seed = self.seed if condition.seed is None else condition.seed
        arguments, referred = replace(self, seed=seed)._resolved(overrides)
        identity = {"trained": training.identity, "arguments": _identified(overrides, referred)}
        identity |= {} if command == "test" else {"command": command}
        version = f"{training.run.version}-{folder_name(name)}-{digest(identity)}"
        run = RunFolder(self.root, folder_name(condition.name), version)
        start = (command, "--ckpt_path", str(training.run.best), *_place(run))
        title = " / ".join([f"{command} {condition.name}", *([name] if command == "test" else []), f"seed {seed}"])
        also = (REGRET_FILE,) if self.grid.regret_by_pull and command == "test" else ()
        job = Job(title, run, identity, (*start, *arguments, QUIET), training, _jobs(referred), also)
        return job if command == "test" else self._once(job)

    def _once(self, job: Job) -> Job:
        """The same job where it was done, or where a condition before does the same; as it is if it was begun."""
        job = done_elsewhere(job, self.others)
        first = self.planned.setdefault(job.run.version, job)
        return first if first.identity == job.identity and read_record(job) is None else job

    def _resolved(self, overrides: Sequence[str]) -> tuple[list[str], dict[str, _Referred]]:
        """The overrides with paths for references, and by reference what they refer to."""
        arguments, referred = [], {}
        for override in overrides:
            if (reference := find_reference(override, self.grid.conditions)) is not None:
                name, _, value = override.partition("=")
                referred[value] = _Referred(self._maker_of(reference), reference.file)
                override = f"{name}={referred[value].path}"
            arguments.append(override)
        return arguments, referred

    def _maker_of(self, reference: Reference) -> Job:
        """The job that makes the file that is referred to."""
        condition = self.grid.conditions[reference.condition]
        return self.prediction(condition) if reference.to_harvest else self.training(condition)


def _identified(overrides: Sequence[str], referred: Mapping[str, _Referred]) -> list[Any]:
    """What an identity says of overrides, wherever they stand: in whatever grid, under whatever names of conditions.

    Of an argument that is given twice the last one counts, unless it adds to a list. The order counts only where a part
    stands before the whole that it belongs to, which the command line then has the last word on.
    """
    last: dict[str, list[Any]] = {}
    places: dict[str, int] = {}
    for place, override in enumerate(overrides):
        name, _, value = override.partition("=")
        told = [referred[value].job.identity, referred[value].file] if value in referred else [value]
        key = f"{name} {place}" if name.endswith("+") else name
        last[key], places[key] = [name, *told], place
    inverted = [
        [last[part][0], "before", last[whole][0]]
        for part in sorted(last)
        for whole in sorted(last)
        if _belongs(last[part][0], last[whole][0]) and places[part] < places[whole]
    ]
    return [*(last[name] for name in sorted(last)), *inverted]


def _belongs(part: str, whole: str) -> bool:
    """Whether an option is part of another, as `--a.b` is of `--a` and `--a+`, or adds to its list, as `--a+` does."""
    return part == f"{whole}+" or part.startswith(f"{whole.removesuffix('+')}.")


def _jobs(referred: Mapping[str, _Referred]) -> tuple[Job, ...]:
    return tuple(file.job for file in referred.values())


def _place(run: RunFolder) -> list[str]:
    return ["--run.root", str(run.root), "--run.name", run.name, "--run.version", run.version]


def folder_name(name: str) -> str:
    """A name with `_` for all but letters and digits; names that become the same are told apart by the hash."""
    return re.sub(r"\W+", "_", name).strip("_")[:LONGEST_NAME] or "_"
