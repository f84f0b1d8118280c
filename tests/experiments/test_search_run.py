"""Whole searches, with trainings that take no time."""

import csv
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import TrialState

import experiments.postponed
import experiments.search_runner
from episodic.errors import InputError
from experiments.job import Job
from experiments.record import read_record
from experiments.search import main
from experiments.search_file import read_search
from experiments.search_storage import open_study
from experiments.search_study import NUMBER, REPLACES
from experiments.search_trial import best_figure, trial_jobs
from experiments.worker import Outcome
from launcher.runs.run_folder import RunFolder
from tests.experiments.grids import cells as grid_cells
from tests.experiments.grids import grid, training_of
from tests.experiments.searches import REWARD, Here, leave_run, option, run_of, said, search, train


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments.search_runner, "WorkerPool", Here)
    monkeypatch.setattr(Here, "command", staticmethod(train))


class Place:
    """A small search, and where its results go."""

    def __init__(self, folder: Path) -> None:
        self.file, self.root = folder / "small.yaml", folder / "runs"
        self.folder = self.root / "small"

    def run(self, *arguments: str, **changes: Any) -> int:
        self.file.write_text(yaml.safe_dump(said(**changes), sort_keys=False))
        return main([str(self.file), "--root", str(self.root), *arguments])

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_search_finds_the_optimum(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run(seeds=[1, 3], trials=20) == 0
    written = capsys.readouterr()
    best = max(place.rows, key=lambda row: float(row[REWARD]))
    assert best["model.memory"] == "StackMemory"
    assert float(best["model.loss.discount"]) == pytest.approx(0.7, abs=0.05)
    assert float(best[REWARD]) == pytest.approx((float(best["seed_1"]) + float(best["seed_3"])) / 2)
    assert float(best["seed_3"]) == pytest.approx(float(best["seed_1"]) + 0.02)
    assert "20 of 20 trials in" in written.out
    (command,) = [line for line in written.out.splitlines() if "cli.py fit" in line]
    assert "--seed_everything 1 --trainer.max_epochs=2" in command
    assert f"--model.loss.discount={best['model.loss.discount']} --model.memory=StackMemory" in command
    table = [line.split("|")[1].strip() for line in written.out.splitlines() if line.startswith("|")]
    ranked = sorted(place.rows, key=lambda row: -float(row[REWARD]))
    assert table[2:] == [row["trial"] for row in ranked[:5]]
    assert written.err.splitlines()[-1].startswith("[20/20] trial ")
    assert f"(trial {best['trial']})" in written.err
    for name in ("history", "slices", "importance"):
        assert (place.folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_search_is_not_done_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run() == 0
    before = {path: path.stat().st_mtime_ns for path in place.folder.rglob("*.ckpt")}
    first = capsys.readouterr().out
    assert place.run() == 0
    assert capsys.readouterr().out == first
    assert before == {path: path.stat().st_mtime_ns for path in place.folder.rglob("*.ckpt")}
    assert place.run("--trials", "7") == 0
    assert len(place.rows) == 7
    assert place.run("--workers", "0", "--trials", "9") == 0
    assert "7 of 9 trials" in capsys.readouterr().out


def test_an_interrupted_search_goes_on(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def interrupted(arguments: list[str]) -> int:
        begun.append(str(run_of(arguments).path))
        if len(begun) == 4:  # the second training of the second trial
            raise KeyboardInterrupt
        return train(arguments)

    monkeypatch.setattr(Here, "command", staticmethod(interrupted))
    assert place.run(seeds=[1, 2], trials=4) == 130
    told = capsys.readouterr().err
    assert told.splitlines()[-1] == "interrupted: the same command goes on from here"
    assert place.run(seeds=[1, 2], trials=4) == 0
    assert begun[3] == begun[4], "it did not begin with what was broken off"
    assert len(set(begun)) == 8
    assert len(begun) == 9, "a training that was done was done again"
    assert [row["trial"] for row in place.rows] == ["0", "1", "2", "3"]
    assert all(row["state"] == "done" for row in place.rows)


def test_a_failed_trial_is_told_and_the_rest_go_on(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def failing(arguments: list[str]) -> int:
        begun.append((run_of(arguments).name, option(arguments, "seed_everything")))
        return 2 if run_of(arguments).name == "trial_1" else train(arguments)

    monkeypatch.setattr(Here, "command", staticmethod(failing))
    assert place.run("--workers", "1", seeds=[1, 2], trials=3) == 1
    written = capsys.readouterr()
    assert "failed: trial 1: it broke" in written.err
    assert f"(see the logs in {place.folder / 'trial_1'})" in written.err
    assert "3 of 3 trials" in written.out
    assert ("trial_1", "2") not in begun, "a trial that has failed went on"
    assert [(row["state"], row["message"]) for row in place.rows] == [
        ("done", ""),
        ("failed", "it broke"),
        ("done", ""),
    ]
    assert place.run(seeds=[1, 2], trials=3) == 1


class LockedAtFirst(Here):
    """Finds another process at work on each training, so many times."""

    times = 2

    def __init__(self, size: int, revision: str) -> None:
        super().__init__(size, revision)
        self.tried = Counter[Path]()

    def wait(self, timeout: float) -> list[tuple[Job, Outcome]]:
        if not self.jobs or self.tried[self.jobs[0].run.path] == self.times:
            return super().wait(timeout)
        job = self.jobs.popleft()
        self.tried[job.run.path] += 1
        return [(job, Outcome(1, "another runner is at work on it", 0.0, locked=True))]


def test_a_training_that_another_process_is_at_is_tried_again(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments.search_runner, "WorkerPool", LockedAtFirst)
    monkeypatch.setattr(experiments.postponed, "AGAIN", 0.05)
    assert place.run(seeds=[1, 2], trials=3) == 0
    assert [row["state"] for row in place.rows] == ["done", "done", "done"]
    told = capsys.readouterr().err
    assert told.count("waiting: train trial 0 / seed 2: another runner is at work on it") == 1
    assert "failed" not in told


def test_a_trial_that_comes_back_to_its_process_is_trained_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[int] = []
    begun: list[str] = []

    def losing(arguments: list[str]) -> int:
        begun.append(option(arguments, "run.version"))
        if not lost:  # another process has taken this one for dead, and has left the trial again
            study = open_study(search(seeds=[1, 2, 3]), place.root)
            (running,) = study.get_trials(states=(TrialState.RUNNING,))
            study.tell(running.number, state=TrialState.FAIL)
            study.enqueue_trial(running.params, user_attrs={NUMBER: 0, REPLACES: running.number})
            lost.append(running.number)
        return train(arguments)

    monkeypatch.setattr(Here, "command", staticmethod(losing))
    assert place.run("--workers", "2", seeds=[1, 2, 3], trials=2) == 0
    assert [row["state"] for row in place.rows] == ["done", "done"]
    assert len(begun) == len(set(begun)) == 6


def test_a_figure_that_is_no_number_fails_its_trial(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(arguments: list[str]) -> int:
        leave_run(run_of(arguments), [{"step": 1, REWARD: math.nan}], known=1)
        return 0

    monkeypatch.setattr(Here, "command", staticmethod(diverging))
    assert place.run(trials=2) == 1
    written = capsys.readouterr()
    assert f"failed: trial 0: {REWARD} is nan" in written.err
    assert "2 of 2 trials" in written.out
    assert not list(place.folder.glob("*.png"))


def test_a_metric_that_there_is_not_ends_the_search(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run(metric="val/rewards") == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: metric is 'val/rewards'")
    assert told.endswith("it must be one of val/reward")


def test_the_same_values_are_not_trained_with_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def counting(arguments: list[str]) -> int:
        begun.append(option(arguments, "model.loss.discount") + option(arguments, "model.memory"))
        return train(arguments)

    monkeypatch.setattr(Here, "command", staticmethod(counting))
    few = {
        "model.loss.discount": {"choices": [0.1, 0.7]},
        "model.memory": {"choices": ["EpisodicMemory", "StackMemory"]},
    }
    assert place.run("--workers", "1", parameters=few, trials=12) == 0
    assert len(begun) == len(set(begun)) <= 4
    assert len(place.rows) == 12


def test_a_trial_is_trained_as_a_condition_of_a_grid_is() -> None:
    overrides: dict[str, Any] = {"model.loss.discount": 0.5, "model.memory": "StackMemory"}
    (condition,) = grid_cells(conditions={"trial 7": overrides}, evaluations={"": {}}, baseline=None, seeds=[3])
    expected = training_of(condition.test)
    found = search(overrides={"trainer.max_epochs": 5}, seeds=[3])
    (job,) = trial_jobs(found, 7, overrides, Path("runs"))
    assert grid().name == found.name
    assert job == expected


def test_the_figure_is_that_of_the_best_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, "trial_0", "seed_1")
    figures = [{"step": 1, REWARD: 1.0}, {"step": 2, "val/regret": 5.0}, {"step": 3, REWARD: 2.0}]
    for known, value in ((1, 1.0), (2, 1.0), (3, 2.0)):
        leave_run(run, figures, known)
        assert best_figure(run, REWARD) == value
    leave_run(run, figures, 1)
    with pytest.raises(InputError, match="it must be one of val/reward, val/regret"):
        best_figure(run, "val/regret")


def test_a_training_that_was_done_but_not_told_of_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.search_runner.SearchRunner._take", _leave)
    with pytest.raises(SystemExit):
        place.run(trials=1)
    found = read_search(place.file)
    monkeypatch.undo()
    monkeypatch.setattr(experiments.search_runner, "WorkerPool", Here)
    monkeypatch.setattr(Here, "command", staticmethod(lambda arguments: 1))
    assert place.run(trials=1) == 0
    values = {parameter.name: place.rows[0][parameter.name] for parameter in found.parameters}
    chosen: dict[str, Any] = {**values, "model.loss.discount": float(values["model.loss.discount"])}
    record = read_record(trial_jobs(found, 0, chosen, place.root)[0])
    assert record is not None
    assert record.finished is not None


def _leave(*_: object) -> None:
    raise SystemExit
