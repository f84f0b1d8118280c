"""Grids for the tests, and the jobs of one."""

from pathlib import Path
from typing import Any

from experiments.grid import Grid, parse_grid
from experiments.job import Cell, Job
from experiments.jobs import grid_cells
from tests.tiny import PROJECT, tiny_bandit

CONFIG = str(PROJECT / "configs" / "barcode_bandit.yaml")


def said(**changes: Any) -> dict[str, Any]:
    """What the file of a small grid says; a change to None leaves a key out."""
    content: dict[str, Any] = {
        "config": CONFIG,
        "seeds": [1, 2, 3],
        "overrides": {"trainer.max_epochs": 5},
        "evaluations": {"0 %": {}, "20 %": {"data.task.best": 0.8}},
        "baseline": "append",
        "conditions": {
            "append": {"model.memory": "EpisodicMemory"},
            "mean keys": {"trained_as": "append", "model.memory.kernel": "l2"},
            "stack": {"model.memory": "StackMemory"},
        },
        "metrics": ["test/reward", "test/recall_accuracy"],
    }
    return {key: value for key, value in {**content, **changes}.items() if value is not None}


def grid(**changes: Any) -> Grid:
    """The small grid."""
    return parse_grid(said(**changes), "small")


def cells(root: Path = Path("runs"), **changes: Any) -> list[Cell]:
    """The rows of the small grid."""
    return grid_cells(grid(**changes), root)


def training_of(test: Job) -> Job:
    """The training that a test needs."""
    assert test.training is not None
    return test.training


def overrides_of(arguments: list[str]) -> dict[str, Any]:
    """The numbers of a small training as a condition's overrides, without its pictures."""
    pairs = dict(zip(arguments[::2], arguments[1::2], strict=True))
    kept = {name.removeprefix("--"): value for name, value in pairs.items() if name not in ("--config", "--run.root")}
    return {**kept, "trainer.callbacks": None}


def tiny_overrides(epochs: int) -> dict[str, Any]:
    """What makes a bandit's training as small as `tests.tiny` does."""
    return overrides_of(tiny_bandit(Path("-"), epochs=epochs))
