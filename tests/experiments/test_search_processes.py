"""Searches by processes of their own: several at once, killed ones, and a real one that is interrupted."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import experiments.search_runner
import experiments.search_study
from experiments.search import main
from tests.experiments.grids import tiny_overrides
from tests.experiments.searches import MEET_IN, REWARD, Here, said, train
from tests.experiments.test_run import heed_interrupts
from tests.tiny import PROJECT

PATIENCE = 120  # seconds; a busy machine may take a while to start a process


def started(module: str, arguments: list[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts)


def written(folder: Path, **changes: Any) -> list[str]:
    """The arguments of a small search."""
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(said(**changes), sort_keys=False))
    return [str(path), "--root", str(folder / "runs")]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs" / "small" / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def wait_for(process: "subprocess.Popen[str]", folder: Path, pattern: str) -> Path:
    """The first file of that name; the process has to be at work until then."""
    deadline = time.monotonic() + PATIENCE
    while not (found := next(folder.glob(pattern), None)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {pattern} in time"
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_two_processes_share_a_search(storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEET_IN, str(tmp_path / "meeting"))
    arguments = [*written(tmp_path, trials=6), "--workers", "1"]
    if storage == "sqlite":
        arguments += ["--storage", f"sqlite:///{tmp_path}/a.db"]
    processes = [started("tests.experiments.searches", arguments) for _ in range(2)]
    told = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert all("6 of 6 trials" in output for output, _ in told)
    assert [row["trial"] for row in rows(tmp_path)] == [str(number) for number in range(6)]
    assert len({row["model.loss.discount"] for row in rows(tmp_path)}) == 6
    lines = [line for _, errors in told for line in errors.splitlines()]
    assert len(lines) == 6, lines
    assert all(errors.splitlines() for _, errors in told), "one of them did nothing"


def test_what_a_killed_process_left_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = written(tmp_path, trials=3)
    process = started("tests.experiments.searches", [*arguments, "--workers", "1"])
    record = wait_for(process, tmp_path, "runs/small/trial_1/*.json")
    process.kill()
    process.communicate()
    monkeypatch.setattr(experiments.search_runner, "WorkerPool", Here)
    monkeypatch.setattr(Here, "command", staticmethod(train))
    monkeypatch.setattr(experiments.search_study, "BEAT", 0.0)
    monkeypatch.setattr(experiments.search_study, "GRACE", 0.1)
    assert main(arguments) == 0
    assert [(row["trial"], row["state"]) for row in rows(tmp_path)] == [("0", "done"), ("1", "done"), ("2", "done")]
    assert list((tmp_path / "runs" / "small" / "trial_1").glob("*.json")) == [record], "the trial has other values"


def test_a_search_of_real_trainings_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    overrides, best = tiny_overrides(epochs=1), {"data.task.best": {"low": 0.5, "high": 1.0}}
    arguments = written(tmp_path, overrides=overrides, parameters=best, trials=5)
    process = started("experiments.search", [*arguments, "--workers", "1"])
    log = wait_for(process, tmp_path, "runs/small/trial_0/*.log")
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert told[1].splitlines() == ["interrupted: the same command goes on from here"]

    assert main([*arguments, "--workers", "1"]) == 0
    assert list(tmp_path.glob("runs/small/trial_0/*.log")) == [log], "the trial has other values"
    found = rows(tmp_path)
    assert [(row["trial"], row["state"]) for row in found] == [(str(number), "done") for number in range(5)]
    for row in found:
        (checkpoint,) = tmp_path.glob(f"runs/small/trial_{row['trial']}/*/checkpoints/best.ckpt")
        states = torch.load(checkpoint, weights_only=True)["callbacks"].values()
        (score,) = [state["best_model_score"] for state in states if state.get("monitor") == REWARD]
        assert float(row[REWARD]) == pytest.approx(float(score))
    ranked = sorted(found, key=lambda row: float(row[REWARD]))
    assert float(ranked[-1]["data.task.best"]) > float(ranked[0]["data.task.best"]), "a better arm earns more"
