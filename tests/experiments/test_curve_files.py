"""Curves and regrets of a small grid whose commands are told what to leave."""

import json
from pathlib import Path

import pytest

from episodic.errors import InputError
from experiments.attempt import carry_out
from experiments.curve_files import CurvePoint, collect_curves, read_curves
from experiments.grid import Grid
from experiments.grid_files import write_files
from experiments.job import Cell, Job
from experiments.jobs import grid_cells
from experiments.record import is_done
from experiments.regret_files import read_regrets, regret_path
from experiments.results import Row, read_rows, write_rows
from experiments.selection import job_order
from tests.experiments.grids import grid, training_of

LOGGED = "step,epoch,train/loss,train/reward,val/reward\n10,0,0.5,1.25,\n20,0,0.4,2.123456789,3.0\n30,1,0.3,,\n"
REGRET = "exposure,pull,regret\n1,1,0.8\n1,2,1.5\n2,1,0.1\n2,2,0.2\n"
BOTH = ["train/reward", "val/reward"]


class BrokenOff(Exception):
    """Stands for whatever ends a training early."""


def do(job: Job, *, end: bool = True, regret: str | None = REGRET) -> None:
    """Carry a job out by a command that leaves these files; without `end` it is broken off midway."""

    def command(arguments: list[str]) -> int:
        job.run.checkpoints.mkdir(parents=True, exist_ok=True)
        if job.training is None:
            job.run.last.touch()
            (job.run.path / "metrics.csv").write_text(LOGGED)
            if not end:
                raise BrokenOff
            job.run.best.touch()
            return 0
        (job.run.path / "metrics.json").write_text(json.dumps({"test/reward": 1.0}))
        if regret is not None:
            (job.run.path / "regret_by_pull.csv").write_text(regret)
        return 0

    if end:
        assert carry_out(job, "a", command) == 0
        return
    with pytest.raises(BrokenOff):
        carry_out(job, "a", command)


@pytest.fixture
def asked() -> Grid:
    return grid(curves=BOTH, regret_by_pull=True, seeds=[1, 2])


@pytest.fixture
def cells(asked: Grid, tmp_path: Path) -> list[Cell]:
    return grid_cells(asked, tmp_path / "runs")


def of(cells: list[Cell], condition: str, seed: int = 1) -> list[Job]:
    """The tests of a condition."""
    return [cell.test for cell in cells if (cell.condition, cell.seed) == (condition, seed)]


def test_curves_are_those_of_finished_trainings(asked: Grid, cells: list[Cell]) -> None:
    do(training_of(of(cells, "append")[0]))
    do(training_of(of(cells, "append", 2)[0]), end=False)
    do(training_of(of(cells, "stack", 2)[0]))
    found = collect_curves(asked, cells)
    assert [point[:3] for point in found] == [("append", 1, 10), ("append", 1, 20), ("stack", 2, 10), ("stack", 2, 20)]
    assert found[0].metrics == {"train/reward": 1.25}, "nothing was validated there"
    assert found[1].metrics == {"train/reward": 2.123456789, "val/reward": 3.0}


def test_a_training_done_anew_is_no_curve_until_it_ends(asked: Grid, cells: list[Cell]) -> None:
    training = training_of(of(cells, "append")[0])
    do(training)
    training.run.best.unlink()
    do(training, end=False)
    assert collect_curves(asked, cells) == []
    do(training)
    assert len(collect_curves(asked, cells)) == 2


def test_the_files_of_a_grid_are_tidy(asked: Grid, cells: list[Cell], tmp_path: Path) -> None:
    tests = of(cells, "append")
    for job in (training_of(tests[0]), *tests, *of(cells, "mean keys")):
        do(job)
    assert len(write_files(asked, cells, tmp_path / "results", tmp_path / "runs").rows) == 4
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["small.csv", "small_curves.csv", "small_regret.csv"]
    text = (tmp_path / "results" / "small_curves.csv").read_text()
    assert text == "condition,seed,step,train/reward,val/reward\nappend,1,10,1.25,\nappend,1,20,2.12346,3\n"
    found = read_curves(tmp_path / "results" / "small_curves.csv")
    assert found[0] == CurvePoint("append", 1, 10, {"train/reward": 1.25})
    regrets = read_regrets(regret_path(tmp_path / "results", "small"))
    assert [point[:3] for point in regrets[::4]] == [
        (name, test, 1) for name in ("append", "mean keys") for test in ("0 %", "20 %")
    ]
    assert [tuple(point[3:]) for point in regrets[:4]] == [(1, 1, 0.8), (1, 2, 1.5), (2, 1, 0.1), (2, 2, 0.2)]


FILES = ("small.csv", "small_curves.csv", "small_regret.csv")


def shipped(folder: Path, rows: int) -> dict[str, str]:
    """Put the files of another run there, whose figures have so many rows; returns their texts."""
    write_rows(
        folder / "small.csv", [Row("append", "0 %", seed, {"test/reward": 2.0}, "old", 1.0) for seed in range(rows)]
    )
    for name in FILES[1:]:
        (folder / name).write_text("old")
    return texts(folder)


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in FILES}


@pytest.mark.parametrize(("before", "stays"), [(5, True), (4, False), (3, False)])
def test_fewer_rows_than_there_were_are_put_beside_the_runs(
    before: int, stays: bool, asked: Grid, cells: list[Cell], tmp_path: Path
) -> None:
    results, runs = tmp_path / "results", tmp_path / "runs"
    tests = of(cells, "append")
    for job in (training_of(tests[0]), *tests, *of(cells, "mean keys")):
        do(job)
    old = shipped(results, before)
    written = write_files(asked, cells, results, runs)
    assert written.csv == (runs if stays else results) / "small.csv"
    assert read_rows(written.csv) == [row._replace(seconds=0.0) for row in written.rows]
    assert (texts(results) == old) is stays
    assert all((runs / name).exists() is stays for name in FILES)
    assert "old" not in texts(written.csv.parent).values()


def test_a_complete_grid_replaces_whatever_was_there(asked: Grid, cells: list[Cell], tmp_path: Path) -> None:
    results, runs = tmp_path / "results", tmp_path / "runs"
    for job in job_order(cells):
        do(job)
    for old in (len(cells) + 1, 0):
        shipped(results, old)
        assert write_files(asked, cells, results, runs).csv == results / "small.csv"
        assert len(read_rows(results / "small.csv")) == len(cells) == 12
        assert "old" not in texts(results).values()


def test_what_cannot_be_read_stays_until_the_grid_is_complete(asked: Grid, cells: list[Cell], tmp_path: Path) -> None:
    results, runs = tmp_path / "results", tmp_path / "runs"
    results.mkdir()
    for damaged in (b"<<<<<<< HEAD\n", b"\xff\xfe", b"condition,evaluation,seed,revision,seconds\na,b,\x00,c,1\n"):
        (results / "small.csv").write_bytes(damaged)
        assert write_files(asked, cells, results, runs).csv == runs / "small.csv"
        assert (results / "small.csv").read_bytes() == damaged


def test_without_being_asked_for_there_are_no_more_files(tmp_path: Path) -> None:
    plain = grid()
    write_files(plain, grid_cells(plain, tmp_path / "runs"), tmp_path / "results", tmp_path / "runs")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["small.csv"]


def test_a_test_from_before_is_done_again_for_its_regrets(asked: Grid, cells: list[Cell], tmp_path: Path) -> None:
    before = grid_cells(grid(seeds=[1, 2]), tmp_path / "runs")
    test, again = of(before, "append")[0], of(cells, "append")[0]
    do(training_of(test))
    do(test, regret=None)
    assert test.run == again.run
    assert is_done(test)
    assert not is_done(again)
    written = write_files(asked, cells, tmp_path / "results", tmp_path / "runs")
    assert len(written.rows) == 1, "its figures are there all the same"
    with pytest.raises(InputError, match=r"left no .*regret_by_pull.csv$"):
        do(again, regret=None)
    do(again)
    assert is_done(again)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("condition,seed\n", "have no column step: python -m experiments.run makes them"),
        ("condition,seed,step,val/reward\na,1,10,much\n", "line 2: could not convert"),
        ("condition,seed,step,val/reward\na,one,10,1\n", "line 2: invalid literal"),
    ],
)
def test_wrong_curves_are_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "some_curves.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_curves(path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"curves": "val/reward"}, "curves is 'val/reward': it must be a list of names such as val/reward"),
        ({"curves": []}, r"curves is \[\]"),
        ({"curves": [1]}, r"curves is \[1\]"),
        ({"regret_by_pull": "yes"}, "regret_by_pull is 'yes': it must be true or false"),
        ({"regret_by_pull": 1}, "regret_by_pull is 1"),
    ],
    ids=str,
)
def test_a_grid_that_asks_wrongly_is_one_line(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=f"^{complaint}"):
        grid(**changes)
