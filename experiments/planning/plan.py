"""A grid as jobs: every condition's trainings, the stages that they build on, and their tests."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, NamedTuple

from episodic.errors import require
from experiments.engine.job import REGRET_FILE, Job, identity_of
from experiments.planning.grid import Condition, Grid
from experiments.planning.grid_file import Level, Stage, Training
from experiments.planning.options import Options, as_arguments, files, merged, references, resolved
from experiments.planning.shipped_encoders import shipped_digests
from experiments.planning.yaml_files import Scalar, read_yaml
from launcher.runs.run_folder import RunFolder

QUIET = "--trainer.enable_progress_bar=false"


class Cell(NamedTuple):
    """One row of a grid's results, and the job that makes it."""

    condition: Condition
    evaluation: str
    seed: int
    test: Job

    @property
    def training(self) -> Job:
        """The training that is tested."""
        return self.test.needs[0]


def grid_cells(grid: Grid, root: Path) -> list[Cell]:
    """Return every row of a grid's results: by seed, condition and evaluation.

    Raises:
        InputError: a reference names no stage, stages need each other, or an axis has no effect on a condition.
    """
    planner = Planner(grid, root)
    return [
        Cell(condition, evaluation, seed, planner.test(condition, evaluation, seed))
        for seed in grid.file.seeds
        for condition in grid.conditions
        if seed in grid.seeds_of(condition)
        for evaluation in grid.evaluations_of(condition)
    ]


@dataclass
class Planner:
    """Makes the jobs of a grid.

    Args:
        grid: the grid.
        root: folder of the runs of all grids. Equal jobs of several grids have the same folder in it.
    """

    grid: Grid
    root: Path
    _configs: dict[Path, Any] = field(default_factory=dict)
    _under_way: list[str] = field(default_factory=list)

    def test(self, condition: Condition, evaluation: str, seed: int) -> Job:
        """Return the test of a condition's training under an evaluation."""
        levels = self.grid.level_of(condition)
        title = f"{condition.name} / seed {seed}"
        training = self._training_of(condition, levels, seed)
        options = merged(*(level.test for level in levels), self.grid.file.evaluations[evaluation])
        also = (REGRET_FILE,) if self.grid.file.regret_by_pull else ()
        where = f"test {condition.name} / {evaluation} / seed {seed}"
        return self._use(
            "test",
            where if len(self.grid.file.evaluations) > 1 else f"test {title}",
            training,
            options,
            condition,
            seed,
            also,
        )

    def _training_of(self, condition: Condition, levels: Sequence[Level], seed: int) -> Job:
        stage = next((level.stage for level in levels if level.stage is not None), None)
        if stage is None:
            return self.train(condition, _settings(levels), seed, f"train {condition.name} / seed {seed}")
        own = levels if len(levels) >= len(self.grid.file.axes) else []  # else an exception's
        added = own[len(self.grid.file.axes) :]
        require(
            not any(level.options or level.config for level in added),
            f"additions: {condition.name!r} tests the stage {stage!r}: its options must be among the stage's",
        )
        for name, level in zip(self.grid.file.axes, own, strict=False):
            taken = not level.options or name in self.grid.file.stages[stage].axes
            require(
                taken or level.stage is not None,
                f"axis {name} has no effect on {condition.name!r}: it must be among the axes of the stage {stage!r}",
            )
        return self._stage(stage, condition, seed)

    def _stage(self, name: str, condition: Condition, seed: int) -> Job:
        """Return the job of a stage, as a condition at these levels uses it."""
        circle = " -> ".join([*self._under_way, name])
        require(name not in self._under_way, f"stages: {circle}: each needs the next one, and so itself")
        stage = self.grid.file.stages[name]
        seed = seed if stage.seed is None else stage.seed
        parts = self._parts(name, stage, condition)
        self._under_way.append(name)
        try:
            title = f"{name} (for {condition.name}) / seed {seed}"
            if stage.of is None:
                return self.train(condition, parts, seed, f"train {title}")
            options = merged(*(part.options for part in parts))
            return self._use(
                "predict", f"harvest {title}", self._stage(stage.of, condition, seed), options, condition, seed
            )
        finally:
            self._under_way.pop()

    def _parts(self, name: str, stage: Stage, condition: Condition) -> list[Training]:
        """Return the settings of a stage: its own, then those of the axes that it takes."""
        levels = {axis: said.all[condition.levels[axis]] for axis, said in self.grid.file.axes.items()}
        taken = [Training(levels[axis].config, levels[axis].options) for axis in stage.axes]
        further = [level.stages[name] for level in levels.values() if name in level.stages]
        return [Training(stage.config, stage.options), *taken, *further]

    def train(self, condition: Condition, parts: Sequence[Training], seed: int, title: str) -> Job:
        """Return the training of a config with options."""
        config = [self.grid.file.config, *(part.config for part in parts if part.config is not None)]
        require(config[-1] is not None, f"{title}: no config: it, or the grid, must name one")
        path = Path(str(config[-1]))
        options = merged(self.grid.file.options, *(part.options for part in parts))
        arguments, content, needs = self._resolved(options, condition, seed)
        settings = resolved(self._read(path), content)
        identity = identity_of([settings, seed, *shipped_digests(settings)])
        run = RunFolder(self.root, folder_name(path.stem), f"seed_{seed}-{identity}")
        command = ("fit", "--config", str(path), "--seed_everything", str(seed), *_place(run), *arguments, QUIET)
        return Job("train", title, run, identity, command, needs)

    def _read(self, path: Path) -> Any:
        """Return the content of a config."""
        if path not in self._configs:
            content = read_yaml(path)
            require(isinstance(content, dict), f"config {path} holds {shortened(content)}: it must be a mapping")
            self._configs[path] = content
        return self._configs[path]

    def _use(
        self,
        kind: str,
        title: str,
        training: Job,
        options: Options,
        condition: Condition,
        seed: int,
        also: tuple[str, ...] = (),
    ) -> Job:
        """Return a job that uses the best checkpoint of a training."""
        arguments, content, needs = self._resolved(options, condition, seed)
        settings = resolved({}, content)
        identity = identity_of([kind, training.identity, settings, *shipped_digests(settings)])
        run = RunFolder(self.root, training.run.name, f"{training.run.version}-{kind}-{identity}")
        command = (kind, "--ckpt_path", str(training.run.best), *_place(run), *arguments, QUIET)
        return Job(kind, title, run, identity, command, (training, *needs), also)

    def _resolved(
        self, options: Options, condition: Condition, seed: int
    ) -> tuple[list[str], list[tuple[str, Any]], tuple[Job, ...]]:
        """Return options as arguments, as content for an identity, and the jobs whose files they name."""
        plain: dict[str, Scalar] = {}
        content: list[tuple[str, Any]] = []
        needs: dict[str, Job] = {}
        for name, value in options.items():
            jobs = [self._referred(name, stage, condition, seed) for stage in references(value)]
            needs |= {job.key: job for job in jobs}
            plain[name] = files(value, [str(job.product) for job in jobs])
            content.append((name, ["made by", *(job.identity for job in jobs)] if jobs else value))
        return as_arguments(plain), content, tuple(needs.values())

    def _referred(self, option: str, stage: str, condition: Condition, seed: int) -> Job:
        """Return the job of the stage that `@NAME` refers to."""
        stages = ", ".join(self.grid.file.stages) or "none"
        require(stage in self.grid.file.stages, f"{option} is {'@' + stage!r}: @ must name a stage, of {stages}")
        return self._stage(stage, condition, seed)


def _settings(levels: Sequence[Level]) -> list[Training]:
    return [Training(level.config, level.options) for level in levels]


def _place(run: RunFolder) -> Iterator[str]:
    places: Mapping[str, Any] = {"root": run.root, "name": run.name, "version": run.version}
    return (part for name, value in places.items() for part in (f"--run.{name}", str(value)))


def folder_name(name: str) -> str:
    """Return a name with `_` for all but letters and digits."""
    return re.sub(r"\W+", "_", name).strip("_")[:60] or "_"
