"""Trains and tests a grid: `python -m experiments.run GRID.yaml [--workers 2] [--shard i/n] [--only SUBSTRING]`.

Interrupted, or with a grid that has grown, the same command goes on where it was.
"""

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from episodic.errors import require
from experiments.command import OneLineParser, resumable, terminable
from experiments.display import Display
from experiments.grid import Grid, read_grid
from experiments.grid_files import csv_path, write_files
from experiments.job import Cell, Job
from experiments.jobs import grid_cells
from experiments.pool import WorkerPool
from experiments.postponed import Postponed
from experiments.record import is_done, log_path
from experiments.revision import source_revision
from experiments.schedule import cancelled, is_training, next_job, seconds_left
from experiments.selection import job_order, only, parse_shard, shard
from experiments.worker import Outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a grid; returns the exit status: 0, 1 where a job failed, 2 for bad input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    grid, root, results = read_grid(options.grid), Path(options.root), Path(options.results)
    return run_grid(grid, root, results, options.workers, options.only, options.shard)


def run_grid(
    grid: Grid,
    root: Path,
    results: Path,
    workers: int = 2,
    substring: str = "",
    part: str = "1/1",
    outputs: Sequence[Path] = (),
) -> int:
    """Do what is left of a grid, with one progress display; returns the exit status: 0, or 1 where a job failed.

    Args:
        grid: what is trained and tested.
        root: folder of its runs.
        results: folder of its CSV; while the grid is not complete and more rows are there, it is left alone, and what
            is done is written into `root`.
        workers: processes.
        substring: only conditions whose name contains it, with what they need.
        part: `i/n`, only every n-th training with its chain.
        outputs: what else is made, and is no source when it changes.

    Raises:
        InputError: one of these is wrong, in one line.
    """
    cells = grid_cells(grid, root)
    jobs = chosen_jobs(cells, substring, part)
    require(workers >= 0, f"--workers is {workers}: it must be 0 or more")
    for name, folder in (("root", root), ("results", results)):
        require(can_be_folder(folder), f"--{name} is {folder}: it must be a folder")
    revision = source_revision(outputs=[results, *outputs])
    with terminable():
        return Runner(grid, cells, jobs, root, results, revision).run(workers)


def can_be_folder(path: Path) -> bool:
    """Whether a path is a folder, or neither it nor what it would lie in is anything else."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place)).is_dir()


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.run", description="Train and test a grid of experiments.")
    parser.add_argument("grid", type=Path, help="YAML file of the grid")
    parser.add_argument("--root", default="runs/experiments", help="folder of its runs (default %(default)s)")
    parser.add_argument("--results", default="results", help="folder of its CSV (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2); 0 only writes the CSV anew")
    parser.add_argument(
        "--shard", default="1/1", metavar="i/n", help="only every n-th training, with its tests and its chain"
    )
    parser.add_argument("--only", default="", metavar="SUBSTRING", help="only conditions whose name contains it")
    return parser


def chosen_jobs(cells: Sequence[Cell], substring: str = "", part: str = "1/1") -> list[Job]:
    """The jobs that are to be done, in their order.

    Raises:
        InputError: no condition's name contains the substring, or the shard is not `i/n`.
    """
    return shard(job_order(only(cells, substring)), *parse_shard(part))


class Runner:
    """One run of a grid.

    Args:
        grid: what it is of.
        cells: all rows of its results.
        jobs: what is to be done, in order; what has been done is left out.
        root: folder of the runs, and of CSVs that have less than those in `results`.
        results: folder of the CSVs.
        revision: of the sources.
    """

    def __init__(
        self, grid: Grid, cells: Sequence[Cell], jobs: Sequence[Job], root: Path, results: Path, revision: str
    ) -> None:
        self.grid, self.cells, self.root, self.results, self.revision = grid, cells, root, results, revision
        self.waiting = [job for job in jobs if not is_done(job)]
        self.unfinished = {job.run.path for job in self.waiting}
        self.failed: list[tuple[Job, Outcome]] = []
        self.skipped: list[Job] = []
        self.taken: defaultdict[bool, list[float]] = defaultdict(list)
        self.postponed = Postponed()

    def run(self, workers: int) -> int:
        """Do all jobs with so many processes, and write the CSV; returns the exit status."""
        self._write()
        if self.waiting and workers:
            with Display(len(self.waiting)) as display, WorkerPool(workers, self.revision) as pool:
                self._run(display, pool)
        return self._report()

    def _run(self, display: Display, pool: WorkerPool) -> None:
        while self.waiting or pool.running:
            while pool.free and (job := self._next_job()) is not None:
                self.waiting.remove(job)
                pool.submit(job)
            for job, outcome in pool.wait(timeout=0.5):
                if outcome.locked:
                    self._postpone(job, outcome, display)
                else:
                    self._take(job, outcome, display)
                    display.ended(job, outcome, self._left(pool))
            display.update([job for job, _ in pool.running.values()], self._left(pool))

    def _next_job(self) -> Job | None:
        return next_job(list(filter(self.postponed.is_due, self.waiting)), self.unfinished)

    def _postpone(self, job: Job, outcome: Outcome, display: Display) -> None:
        """Leave a job to the other runner that is at it, until it is done there or that runner is gone."""
        if job not in self.postponed:
            display.waits_for(job, outcome)
        self.postponed.put(job)
        self.waiting.append(job)

    def _take(self, job: Job, outcome: Outcome, display: Display) -> None:
        if outcome.status:
            self.failed.append((job, outcome))
            for other in cancelled(self.waiting, job):
                self.waiting.remove(other)
                self.skipped.append(other)
                display.cancelled(1)
            return
        self.unfinished.discard(job.run.path)
        self.taken[is_training(job)].append(outcome.seconds)
        if not is_training(job):
            self._write()

    def _left(self, pool: WorkerPool) -> float | None:
        return seconds_left(self.waiting, list(pool.running.values()), self.taken, pool.size)

    def _write(self) -> None:
        self.written = write_files(self.grid, self.cells, self.results, self.root)

    def _report(self) -> int:
        self._write()
        for job, outcome in self.failed:
            print(f"failed: {job.title}: {outcome.message} (see {log_path(job.run)})", file=sys.stderr)
        tests = sum(job.arguments[0] == "test" for job in self.skipped)
        if tests:
            print(f"not tested, since their training failed: {tests}", file=sys.stderr)
        if others := len(self.skipped) - tests:
            print(f"not done, since what they need failed: {others}", file=sys.stderr)
        print(self._told())
        return int(bool(self.failed))

    def _told(self) -> str:
        """Where the rows are, in one line."""
        rows, csv = self.written
        kept = csv_path(self.results, self.grid.name)
        stays = "" if csv.resolve() == kept.resolve() else f"; {kept} stays until the grid is complete"
        return f"{len(rows)} of {len(self.cells)} rows in {csv}{stays}"


if __name__ == "__main__":
    sys.exit(main())
