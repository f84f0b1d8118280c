"""What tests look at in the folders of runs, and how they break a training off."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch


def rows(run: Path) -> list[dict[str, str]]:
    """The rows of a run's `metrics.csv`."""
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The single line that a command wrote to standard error."""
    written = capsys.readouterr().err.strip()
    assert written.startswith("error: "), written
    assert "\n" not in written
    return written


class BrokenOff(Exception):
    """Stands for whatever ends a training early."""


def break_off(monkeypatch: pytest.MonkeyPatch, kind: type[pl.LightningModule], epoch: int, batch: int) -> None:
    """Have trainings of a module raise `BrokenOff` at a batch, after a draw that a resumed training must not feel."""
    step: Any = kind.training_step

    def breaking(self: pl.LightningModule, data: Any, batch_idx: int) -> Any:
        if (self.current_epoch, batch_idx) == (epoch, batch):
            torch.rand(3)
            raise BrokenOff
        return step(self, data, batch_idx)

    monkeypatch.setattr(kind, "training_step", breaking)


def assert_equal_runs(one: Path, other: Path) -> None:
    """Weights, optimiser, schedule and metrics are equal to the bit."""
    for name in ("last", "best"):
        states = [torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True) for run in (one, other)]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
            assert same(states[0][part], states[1][part]), f"{name}: {part}"
    assert (one / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def same(one: object, other: object) -> bool:
    """Equality through nested dictionaries and lists, tensors to the bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
