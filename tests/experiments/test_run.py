"""A whole grid: taken up where it was left off, with a condition that fails; and one that is interrupted."""

import csv
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest
import torch
import yaml

from cli import main as command
from episodic.errors import InputError
from experiments import postponed, run
from experiments.attempt import carry_out
from experiments.grid import read_grid
from experiments.job import Job
from experiments.jobs import grid_cells
from experiments.record import log_path
from experiments.results import Row, read_rows, write_rows
from experiments.run import main, run_grid
from experiments.selection import job_order
from experiments.worker import Outcome
from lightning_modules.episodic_agent import EpisodicAgent
from tests.experiments.grids import CONFIG, tiny_overrides
from tests.tiny import PROJECT

GRID = {
    "config": CONFIG,
    "seeds": [1],
    "overrides": tiny_overrides(epochs=4),
    "evaluations": {"0 %": {}, "hard": {"data.task.best": 0.6}},
    "conditions": {
        "broken": {"model.memory.kernel": "nosuch"},
        "whole": {},
        "nearest": {"trained_as": "whole", "model.memory.threshold": -1},
        "broken off": {"model.loss.discount": 0.5},
    },
    "metrics": ["test/reward"],
}


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(GRID, sort_keys=False))
    return path


@pytest.fixture
def place(grid: Path, tmp_path: Path) -> list[str]:
    """The runner's arguments."""
    return [str(grid), "--root", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]


@pytest.fixture
def jobs(grid: Path, tmp_path: Path) -> dict[str, Job]:
    return {job.title: job for job in job_order(grid_cells(read_grid(grid), tmp_path / "runs"))}


class BrokenOff(Exception):
    """Stands for whatever ends a training early."""


def break_off(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train up to the third epoch."""
    step = EpisodicAgent.training_step

    def breaking(self: EpisodicAgent, *batch: object) -> object:
        if self.current_epoch == 2:
            raise BrokenOff
        return step(self, *batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(EpisodicAgent, "training_step", breaking)
        with pytest.raises(BrokenOff):
            carry_out(job, "earlier", command)


def test_a_grid_goes_on_where_it_was(
    place: list[str],
    jobs: dict[str, Job],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole, long = jobs["train whole / seed 1"], jobs["train broken off / seed 1"]
    kept, deleted = jobs["test whole / 0 % / seed 1"], jobs["test whole / hard / seed 1"]
    for job in (whole, kept, deleted):
        assert carry_out(job, "earlier", command) == 0
    tested = deleted.product.read_bytes()
    shutil.rmtree(deleted.run.path)
    break_off(long, monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in (whole.run.last, whole.run.best, kept.product)}
    capfd.readouterr()

    assert main(place) == 1
    output = capfd.readouterr()
    assert "failed: train broken / seed 1: error: kernel is 'nosuch': it must be one of cosine" in output.err
    assert "not tested, since their training failed: 2" in output.err
    assert "6 of 8 rows in" in output.out
    assert "Test metric" not in output.out, "a job's output belongs into its log"
    assert before == {path: path.stat().st_mtime_ns for path in before}, "what was done was done again"
    assert deleted.product.read_bytes() == tested
    assert f"fit --ckpt_path {long.run.last}" in log_path(long.run).read_text()
    assert torch.load(long.run.last, weights_only=True)["epoch"] == 3

    with (tmp_path / "results" / "small.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("whole", "nearest", "broken off")
    assert [(row["condition"], row["evaluation"]) for row in rows] == [(n, e) for n in names for e in ("0 %", "hard")]
    assert rows[0]["revision"] == "earlier"
    assert all(row["revision"].startswith("earlier/") for row in rows[1:])
    for row, title in zip(rows, (kept, deleted), strict=False):
        assert {name: float(row[name]) for name in row if "/" in name} == json.loads(title.product.read_text())


def unlocked(log: Path) -> bool:
    """Whether no worker is at its job any more."""
    with log.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def heed_interrupts() -> None:
    """A shell starts what it runs in the background deaf to SIGINT, and so are all its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_no_worker_outlives_the_runner(number: int, status: int, place: list[str], jobs: dict[str, Job]) -> None:
    command = [sys.executable, "-m", "experiments.run", *place]
    process = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, preexec_fn=heed_interrupts)
    log, deadline = log_path(next(iter(jobs.values())).run), time.monotonic() + 60
    while not log.exists():
        assert process.poll() is None, "the runner ended before its first job"
        assert time.monotonic() < deadline, "no job within a minute"
        time.sleep(0.01)
    time.sleep(0.2)
    assert not unlocked(log)
    process.send_signal(number)
    told = process.communicate(timeout=60)[1].decode()
    assert process.returncode == status, told
    assert "Traceback" not in told
    while not unlocked(log):  # of one that is killed outright the workers have to find out themselves
        assert number == signal.SIGKILL, "a worker outlived the runner"
        assert time.monotonic() < deadline, "a worker outlived the runner"


class Busy:
    """A pool that finds another runner at the first job, twice, and does all others."""

    free, size = True, 1
    running: ClassVar[dict[Path, tuple[Job, float]]] = {}

    def __init__(self, size: int, revision: str) -> None:
        self.asked: list[Job] = []
        self.done: list[str] = []

    def __enter__(self) -> "Busy":
        return self

    def __exit__(self, *error: object) -> None:
        assert self.done[-3:] == ["train whole / seed 1", "test whole / 0 % / seed 1", "test whole / hard / seed 1"]

    def submit(self, job: Job) -> None:
        self.asked.append(job)

    def wait(self, timeout: float) -> list[tuple[Job, Outcome]]:
        ended, self.asked = self.asked, []
        return [(job, self._outcome(job)) for job in ended]

    def _outcome(self, job: Job) -> Outcome:
        self.done.append(job.title)
        locked = job.title == "train whole / seed 1" and self.done.count(job.title) < 3
        return Outcome(1, "another runner is at work on it", 0.0, locked=True) if locked else Outcome(0, "", 1.0)


def test_a_job_that_another_runner_is_at_is_waited_for(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "WorkerPool", Busy)
    monkeypatch.setattr(postponed, "AGAIN", 0.1)
    assert main([*place, "--only", "whole"]) == 0
    told = capsys.readouterr().err
    assert told.count("waiting: train whole / seed 1: another runner is at work on it") == 1
    assert "failed" not in told


def test_no_worker_writes_the_rows_that_there_are(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*place, "--workers", "0"]) == 0
    assert "0 of 8 rows" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path)) == ["results", "small.yaml"]


def test_what_was_in_results_stays_until_the_grid_is_complete(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, partial = tmp_path / "results" / "small.csv", tmp_path / "runs" / "small.csv"
    write_rows(kept, [Row("whole", "0 %", 1, {"test/reward": 2.0}, "old", 1.0)])
    before = kept.read_bytes()
    assert main([*place, "--workers", "0"]) == 0
    assert capsys.readouterr().out == f"0 of 8 rows in {partial}; {kept} stays until the grid is complete\n"
    assert kept.read_bytes() == before
    assert read_rows(partial) == []
    assert main([*place[:3], "--results", place[2], "--workers", "0"]) == 0
    assert capsys.readouterr().out == f"0 of 8 rows in {partial}\n"


def test_a_grid_can_be_run_by_other_programs(grid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    assert run_grid(read_grid(grid), tmp_path / "runs", tmp_path / "results", workers=0, substring="whole") == 0
    assert "0 of 8 rows" in capsys.readouterr().out
    assert (tmp_path / "results" / "small.csv").read_text().startswith("condition,evaluation,seed")
    for wrong in ({"workers": -1}, {"substring": "nothing"}, {"part": "3/2"}):
        with pytest.raises(InputError, match=r"^--[^\n]+$"):
            run_grid(read_grid(grid), tmp_path / "runs", tmp_path / "results", **wrong)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_what_is_made_is_no_source(grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[Path]] = []

    def revision(outputs: list[Path]) -> str:
        asked.append(outputs)
        return "a"

    monkeypatch.setattr(run, "source_revision", revision)
    run_grid(read_grid(grid), tmp_path / "runs", tmp_path / "results", workers=0)
    run_grid(read_grid(grid), tmp_path / "runs", tmp_path / "results", workers=0, outputs=[tmp_path / "docs"])
    assert asked == [[tmp_path / "results"], [tmp_path / "results", tmp_path / "docs"]]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--shard", "3/2"], "--shard is '3/2'"),
        (["--only", "nothing"], "--only is 'nothing'"),
        (["--workers", "-1"], "--workers is -1"),
        (["--workers", "two"], "invalid int value: 'two'"),
        (["--results", CONFIG], "it must be a folder"),
        (["--root", f"{CONFIG}/below"], "it must be a folder"),
        (["--nosuch"], "unrecognized arguments: --nosuch"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*place, *arguments]) == 2
    assert complaint in one_error(capsys)
    assert os.listdir(tmp_path) == ["small.yaml"], "a failed command left files"


def test_a_grid_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "required: grid" in one_error(capsys)
    assert main(["none.yaml"]) == 2
    assert "grid none.yaml does not exist" in one_error(capsys)


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    """What the command wrote to standard error: one line."""
    written = capsys.readouterr().err
    assert written.startswith("error: ")
    assert written.count("\n") == 1
    return written
