"""Taking up and leaving off, with a command that only notes what it is told."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from episodic.errors import InputError
from experiments.attempt import carry_out
from experiments.job import Cell, Job
from experiments.record import is_done, read_record, record_path, write_record
from experiments.results import collect
from tests.experiments.grids import cells, training_of


class BrokenOff(Exception):
    """Stands for whatever ends a training early."""


class Command:
    """Leaves what a command leaves; `until` says how far a training comes."""

    def __init__(self, job: Job, until: str = "end", reward: float = 1.0) -> None:
        self.job, self.until, self.reward = job, until, reward
        self.arguments: list[str] = []

    def __call__(self, arguments: list[str]) -> int:
        self.arguments = arguments
        run = self.job.run
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        if self.until == "start":
            raise BrokenOff
        run.last.touch()
        if self.until == "checkpoint":
            raise BrokenOff
        run.best.touch()
        (run.path / "metrics.json").write_text(f'{{"test/reward": {self.reward}}}')
        return 0


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return cells(tmp_path)[0]


def attempted(job: Job, until: str = "end", revision: str = "a", reward: float = 1.0) -> list[str]:
    """The arguments that the command was given."""
    command = Command(job, until, reward)
    if until == "end":
        assert carry_out(job, revision, command) == 0
    else:
        with pytest.raises(BrokenOff):
            carry_out(job, revision, command)
    return command.arguments


def test_a_job_is_done_once_the_command_ended_well(cell: Cell) -> None:
    training = training_of(cell.test)
    assert not is_done(training)
    assert attempted(training) == list(training.arguments)
    assert is_done(training)
    assert not is_done(cell.test)
    attempted(cell.test)
    assert is_done(cell.test)


def test_a_command_that_fails_is_not_done(cell: Cell) -> None:
    training = training_of(cell.test)
    assert carry_out(training, "a", lambda arguments: 3) == 3
    assert not is_done(training)
    with pytest.raises(InputError, match=r"left no .*best\.ckpt"):
        carry_out(training, "a", lambda arguments: 0)
    assert not is_done(training)


def test_a_training_is_resumed_from_its_last_checkpoint(cell: Cell) -> None:
    training = training_of(cell.test)
    attempted(training, until="checkpoint")
    assert not is_done(training)
    record = read_record(training)
    assert record is not None
    os.utime(training.run.last, (record.started + 100, record.started + 100))
    assert attempted(training, revision="b") == ["fit", "--ckpt_path", str(training.run.last)]
    record = read_record(training)
    assert record is not None
    assert record.revision == "a/b"
    assert 100 <= record.seconds < 110  # with what was trained before


def test_a_training_without_a_checkpoint_starts_anew(cell: Cell) -> None:
    training = training_of(cell.test)
    attempted(training, until="start")
    leftover = training.run.path / "config.yaml"
    leftover.touch()
    assert attempted(training) == list(training.arguments)
    assert not leftover.exists()


def test_a_finished_training_whose_checkpoint_is_gone_starts_anew(cell: Cell) -> None:
    training = training_of(cell.test)
    attempted(training)
    training.run.best.unlink()
    assert not is_done(training)
    assert attempted(training) == list(training.arguments)


@pytest.mark.parametrize("record", [None, "{", "{}", "[1]", '{"job": {"seed": 9}, "revision": "a", "started": 1}'])
def test_a_folder_of_something_else_is_left_alone(record: str | None, cell: Cell) -> None:
    training = training_of(cell.test)
    training.run.create()
    kept = training.run.path / "kept"
    kept.touch()
    if record is not None:
        record_path(training.run).write_text(record)
    with pytest.raises(InputError, match="does not belong to this job: move or delete it"):
        carry_out(training, "a", Command(training))
    assert kept.exists()


def test_a_deleted_test_is_done_again(cell: Cell) -> None:
    training = training_of(cell.test)
    attempted(training)
    attempted(cell.test)
    (cell.test.run.path / "metrics.json").unlink()
    assert is_done(training)
    assert not is_done(cell.test)
    assert collect([cell]) == []
    attempted(cell.test)
    assert is_done(cell.test)


def test_a_test_of_an_earlier_training_does_not_count(cell: Cell) -> None:
    training = training_of(cell.test)
    attempted(training)
    attempted(cell.test, reward=1.0)
    assert [row.metrics["test/reward"] for row in collect([cell])] == [1.0]
    training.run.best.unlink()
    attempted(training)
    assert collect([cell]) == []
    assert not is_done(cell.test)
    attempted(cell.test, reward=2.0)
    assert [row.metrics["test/reward"] for row in collect([cell])] == [2.0]


def test_a_row_tells_the_trainings_seconds_and_both_revisions(cell: Cell) -> None:
    training = training_of(cell.test)
    attempted(training, revision="a")
    record = read_record(training)
    assert record is not None
    write_record(training, replace(record, seconds=12.5))
    attempted(cell.test, revision="b")
    (row,) = collect([cell])
    assert (row.condition, row.evaluation, row.seed) == ("append", "0 %", 1)
    assert (row.revision, row.seconds, row.metrics) == ("a/b", 12.5, {"test/reward": 1.0})


def test_results_alone_are_rows_too(cell: Cell, tmp_path: Path) -> None:
    """What another machine did is merged by its tests' records and figures."""
    attempted(training_of(cell.test))
    attempted(cell.test)
    move: Callable[[str], object] = (tmp_path / "small").rename
    move(str(tmp_path / "elsewhere"))
    assert collect([cell]) == []
    there, here = tmp_path / "elsewhere" / "append", cell.test.run.path
    here.mkdir(parents=True)
    (here / "metrics.json").write_bytes((there / here.name / "metrics.json").read_bytes())
    record_path(cell.test.run).write_bytes((there / record_path(cell.test.run).name).read_bytes())
    assert len(collect([cell])) == 1
