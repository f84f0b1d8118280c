"""Trainings that start at the same moment under one root: each must have a complete run folder of its own.

    python -m tests.simultaneous ROOT [--rounds 20] [--runs 5]

A process that has imported everything forks the trainings of a round, so that they start within milliseconds.
"""

import argparse
import multiprocessing
import os
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch
import yaml

from cli import main as command_line
from episodic.checkpoints import read_checkpoint
from tests.runs import assert_equal_runs
from tests.tiny import tiny_bandit

FILES = {"config.yaml", "metrics.csv", "hparams.yaml", "best.ckpt", "last.ckpt"}


def main() -> int:
    """Run the rounds and check their folders; print what was checked."""
    parser = argparse.ArgumentParser(description="Start trainings at the same moment.")
    parser.add_argument("root", type=Path, help="empty folder for the runs")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5, help="trainings of a round")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for number in range(given.rounds):
        begun = time.monotonic()
        start_together(given.runs, given.root)
        print(f"round {number + 1}: {time.monotonic() - begun:.1f} s", flush=True)
    folders = check(given.root / "barcode_bandit", given.rounds * given.runs)
    print(f"{len(folders)} folders, all complete, with equal weights and metrics")
    return 0


def start_together(runs: int, root: Path) -> None:
    """Fork trainings that begin at the same moment, and wait for them to end well."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(runs)
    processes = [context.Process(target=_train, args=(barrier, root)) for _ in range(runs)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    statuses = [process.exitcode for process in processes]
    assert statuses == [0] * runs, f"exit statuses {statuses}"


def _train(barrier: Barrier, root: Path) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())
    barrier.wait()
    sys.exit(command_line(["fit", *tiny_bandit(root, epochs=1), "--trainer.callbacks", "[]"]))


def check(folder: Path, count: int) -> list[Path]:
    """Require `count` runs with all of their files, their own config and equal results; return their folders."""
    folders = sorted(folder.iterdir())
    assert {path.name for path in folders} == {f"version_{number}" for number in range(count)}
    for run in folders:
        names = [path.name for path in run.rglob("*") if path.is_file()]
        events = [name for name in names if name.startswith("events.out.tfevents.")]
        assert set(names) - set(events) == FILES, f"{run}: {sorted(names)}"
        place = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["run"]
        assert place["version"] == run.name, f"{run} holds the config of {place['version']}"
        assert read_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"] == 0
        assert_equal_runs(folders[0], run)
    return folders


if __name__ == "__main__":
    sys.exit(main())
