"""What a grid asks for, as jobs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments.conditions import Condition
from experiments.grid import Grid
from experiments.job import REGRET_FILE, Cell, Job, digest
from experiments.references import Reference, find_reference
from launcher.run_folder import RunFolder

LONGEST_NAME = 60
QUIET = "--trainer.enable_progress_bar=false"


def grid_cells(grid: Grid, root: Path) -> list[Cell]:
    """Every row of the results, by condition, evaluation and seed in the grid's order."""
    return [
        Cell(name, evaluation, seed, JobMaker(grid, root / grid.name, seed).test(grid.conditions[name], evaluation))
        for name in grid.tested
        for evaluation in grid.conditions[name].evaluations
        for seed in grid.seeds
    ]


@dataclass(frozen=True)
class JobMaker:
    """Makes the jobs of a grid for one seed, with all that they need.

    Args:
        grid: which.
        root: folder of its runs.
        seed: of the trainings, where a condition has none of its own.
    """

    grid: Grid
    root: Path
    seed: int

    def training(self, condition: Condition) -> Job:
        """The training of a condition, which may be another's."""
        if condition.trained_as is not None:
            return self.training(self.grid.conditions[condition.trained_as])
        seed = self.seed if condition.seed is None else condition.seed
        overrides = [*self.grid.arguments, *condition.arguments]
        arguments, referred = replace(self, seed=seed)._resolved(overrides)
        identity = {"config": condition.config.name, "content": condition.content, "seed": seed, "arguments": overrides}
        identity |= _identities(referred)
        run = RunFolder(self.root, folder_name(condition.name), f"seed_{seed}-{digest(identity)}")
        start = ["fit", "--config", str(condition.config), "--seed_everything", str(seed)]
        command = (*start, *_place(run), *arguments, QUIET)
        return Job(f"train {condition.name} / seed {seed}", run, identity, command, None, tuple(referred.values()))

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
        identity = {"trained": training.identity, "arguments": overrides, **_identities(referred)}
        identity |= {} if command == "test" else {"command": command}
        version = f"{training.run.version}-{folder_name(name)}-{digest(identity)}"
        run = RunFolder(self.root, folder_name(condition.name), version)
        start = (command, "--ckpt_path", str(training.run.best), *_place(run))
        title = " / ".join([f"{command} {condition.name}", *([name] if command == "test" else []), f"seed {seed}"])
        also = (REGRET_FILE,) if self.grid.regret_by_pull and command == "test" else ()
        return Job(title, run, identity, (*start, *arguments, QUIET), training, tuple(referred.values()), also)

    def _resolved(self, overrides: Sequence[str]) -> tuple[list[str], dict[str, Job]]:
        """The overrides with paths for references, and by reference the jobs that make those files."""
        arguments, referred = [], {}
        for override in overrides:
            if (reference := find_reference(override, self.grid.conditions)) is not None:
                name, _, value = override.partition("=")
                referred[value] = self._maker_of(reference)
                override = f"{name}={_path(reference, referred[value])}"
            arguments.append(override)
        return arguments, referred

    def _maker_of(self, reference: Reference) -> Job:
        """The job that makes the file that is referred to."""
        condition = self.grid.conditions[reference.condition]
        return self.prediction(condition) if reference.to_harvest else self.training(condition)


def _path(reference: Reference, maker: Job) -> Path:
    return maker.product if reference.file is None else maker.run.path / reference.file


def _identities(referred: dict[str, Job]) -> dict[str, Any]:
    """What an identity says of the jobs that are referred to; nothing where there are none."""
    return {"referred": {value: job.identity for value, job in referred.items()}} if referred else {}


def _place(run: RunFolder) -> list[str]:
    return ["--run.root", str(run.root), "--run.name", run.name, "--run.version", run.version]


def folder_name(name: str) -> str:
    """A name with `_` for all but letters and digits; names that become the same are told apart by the hash."""
    return re.sub(r"\W+", "_", name).strip("_")[:LONGEST_NAME] or "_"
