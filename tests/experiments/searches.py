"""Searches for the tests, and trainings that take no time."""

import csv
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

from experiments.attempt import Command, carry_out
from experiments.job import Job
from experiments.search import main
from experiments.search_file import Search, parse_search
from experiments.worker import Outcome
from launcher.runs.run_folder import RunFolder

CONFIG = str(Path(__file__).resolve().parents[2] / "configs" / "barcode_bandit.yaml")  # not by way of torch
REWARD = "val/reward"
MEET_IN = "MEET_IN"  # the environment's name for the folder in which two processes wait for each other
MEETING = 60.0  # seconds that one waits at most


def said(**changes: Any) -> dict[str, Any]:
    """What the file of a small search says; a change to None leaves a key out."""
    content: dict[str, Any] = {
        "config": CONFIG,
        "seeds": [1],
        "metric": REWARD,
        "direction": "maximize",
        "trials": 5,
        "overrides": {"trainer.max_epochs": 2},
        "parameters": {
            "model.loss.discount": {"low": 0.0, "high": 1.0},
            "model.memory": {"choices": ["EpisodicMemory", "StackMemory"]},
        },
    }
    return {key: value for key, value in {**content, **changes}.items() if value is not None}


def search(**changes: Any) -> Search:
    """The small search."""
    return parse_search(said(**changes), "small")


def option(arguments: list[str], name: str) -> str:
    """What a command line says of an option."""
    joined = [part.partition("=")[2] for part in arguments if part.startswith(f"--{name}=")]
    return joined[0] if joined else arguments[arguments.index(f"--{name}") + 1]


def run_of(arguments: list[str]) -> RunFolder:
    """The folder of a command line."""
    if "--ckpt_path" in arguments:
        found = RunFolder.of_checkpoint(Path(option(arguments, "ckpt_path")))
        assert found is not None
        return found
    root, name, version = (option(arguments, f"run.{part}") for part in ("root", "name", "version"))
    return RunFolder(Path(root), name, version)


def leave_run(run: RunFolder, figures: list[dict[str, float]], known: int) -> None:
    """What a training leaves: rows of figures, of which its best checkpoint knows the first ones."""
    import torch

    leave_figures(run, figures)
    checkpoint = {"state_dict": {}, "callbacks": {"LastCheckpoint": {"logged": {"rows": known, "step": known}}}}
    torch.save(checkpoint, run.best)


def leave_figures(run: RunFolder, figures: list[dict[str, float]]) -> None:
    """The rows alone, and an empty checkpoint."""
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    with (run.path / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in figures for name in row)))
        writer.writeheader()
        writer.writerows(figures)
    run.best.touch()


def train(arguments: list[str]) -> int:
    """In place of `cli.main`."""
    leave_run(run_of(arguments), [{"step": 1, "train/loss": 0.0}, {"step": 1, REWARD: reward_of(arguments)}], known=2)
    return 0


def reward_of(arguments: list[str]) -> float:
    """Greatest at a discount of 0.7 with stacks; the greater the seed, the better."""
    reward = -((float(option(arguments, "model.loss.discount")) - 0.7) ** 2)
    reward += option(arguments, "model.memory") == "StackMemory"
    return reward + 0.01 * int(option(arguments, "seed_everything"))


class Here:
    """In place of the pool of processes: does the jobs in this one, one after the other."""

    command: Command = staticmethod(train)

    def __init__(self, size: int, revision: str) -> None:
        self.size, self.jobs = size, deque[Job]()

    def __enter__(self) -> "Here":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.jobs.clear()

    @property
    def running(self) -> Mapping[Path, tuple[Job, float]]:
        return {job.run.path: (job, 0.0) for job in self.jobs}

    @property
    def free(self) -> bool:
        return len(self.running) < self.size

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def wait(self, timeout: float) -> list[tuple[Job, Outcome]]:
        if not self.jobs:
            return []
        job = self.jobs[0]
        with redirect_stdout(StringIO()):
            status = carry_out(job, "here", type(self).command)
        self.jobs.popleft()
        return [(job, Outcome(status, "it broke" if status else "", 1.0))]


def _meet(folder: Path, number: int) -> None:
    """Wait until so many processes have come here, so that none does all the work before another has begun."""
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + MEETING
    while len(list(folder.iterdir())) < number and time.monotonic() < deadline:
        time.sleep(0.01)


def _train_slowly(arguments: list[str]) -> int:
    if MEET_IN in os.environ:
        _meet(Path(os.environ[MEET_IN]), 2)
    time.sleep(0.3)
    leave_figures(run_of(arguments), [{REWARD: reward_of(arguments)}])
    return 0


def _only_figure(run: RunFolder, metric: str) -> float:
    with (run.path / "metrics.csv").open(newline="") as file:
        return float(next(csv.DictReader(file))[metric])


if __name__ == "__main__":  # a process that searches in earnest, but for its trainings
    Here.command = staticmethod(_train_slowly)
    no_pictures = patch("experiments.search_summary.write_figures")
    with no_pictures, patch.multiple("experiments.search_runner", WorkerPool=Here, best_figure=_only_figure):
        sys.exit(main())
