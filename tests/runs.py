"""What tests look at in the folders of runs, and how they break a training off."""

import csv
import hashlib
from collections.abc import Callable
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


def at_batch(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[pl.LightningModule],
    epoch: int,
    batch: int,
    end: Callable[[pl.Trainer], None],
    step: str = "training_step",
) -> None:
    """Have trainings of a module end at a batch, after a draw that a resumed training must not feel."""
    usual: Any = getattr(kind, step)

    def ending(self: pl.LightningModule, data: Any, batch_idx: int) -> Any:
        if (self.current_epoch, batch_idx) == (epoch, batch):
            end(self.trainer)
        return usual(self, data, batch_idx)

    monkeypatch.setattr(kind, step, ending)


def raise_error(trainer: pl.Trainer) -> None:
    torch.rand(3)
    raise BrokenOff


#: What checkpoints hold of the clock on the wall.
CLOCK = ("Timer",)


def read(run: Path, name: str) -> dict[str, Any]:
    """All of a run's checkpoint but what it holds of the clock."""
    checkpoint: dict[str, Any] = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    checkpoint["callbacks"] = {key: state for key, state in checkpoint["callbacks"].items() if key not in CLOCK}
    return checkpoint


def assert_equal_runs(one: Path, other: Path, apart_from: str = "") -> None:
    """All of the checkpoints and the metrics are equal to the bit, apart from the state of one kind of callback."""
    for name in ("last", "best"):
        first, second = (read(run, name) for run in (one, other))
        for callbacks in (first["callbacks"], second["callbacks"]):
            for key in [key for key in callbacks if apart_from and key.startswith(apart_from)]:
                del callbacks[key]
        assert differences(first, second, name) == []
    assert (one / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def differences(one: object, other: object, path: str = "") -> list[str]:
    """List where nested dictionaries and lists differ, tensors to the bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return [f"{path}: {sorted(map(str, one.keys() ^ other.keys()))}"]
        return [line for key in one for line in differences(one[key], other[key], f"{path}/{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return [f"{path}: lengths {len(one)} and {len(other)}"]
        pairs = enumerate(zip(one, other, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{path}/{i}")]
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if same_bits(one, other) else [f"{path}: tensors {one.tolist()} and {other.tolist()}"[:200]]
    return [] if type(one) is type(other) and one == other else [f"{path}: {one!r} and {other!r}"]


def same(one: object, other: object) -> bool:
    """Equality through nested dictionaries and lists, tensors to the bit."""
    return not differences(one, other)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors agree in type, shape and every bit, NaN included."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    first, second = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(first, second)
