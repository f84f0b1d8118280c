"""A grid whose conditions build on each other: an agent, its harvest, an encoder of it, an agent with that."""

from pathlib import Path
from typing import Any

from experiments.grid import Grid, parse_grid
from experiments.job import Cell, Job
from experiments.jobs import grid_cells
from experiments.selection import job_order
from tests.experiments.grids import CONFIG

CONDITIONS: dict[str, Any] = {
    "agent": {"predicts": {"data.predict_blocks": 1}},
    "elsewhere": {"trained_as": "agent", "data.task.noise": 0.2, "predicts": None, "evaluations": {}},
    "encoder": {
        "data.harvest": "@agent/harvest.npz",
        "evaluations": {"own": {}, "other": {"data.harvest": "@elsewhere/harvest.npz"}},
    },
    "keys": {"model.warm_start.agent": "@agent", "model.warm_start.keys": "@encoder"},
    "plain": {"model.loss.discount": 0.5},
}


def chain(**changes: Any) -> Grid:
    """The grid; a change gives a condition other content."""
    said = {
        "config": CONFIG,
        "seeds": [1, 2],
        "evaluations": {"0 %": {}},
        "metrics": ["test/reward"],
        "conditions": {**CONDITIONS, **changes},
    }
    return parse_grid(said, "chain")


def chain_cells(root: Path = Path("runs"), **changes: Any) -> list[Cell]:
    """Its rows."""
    return grid_cells(chain(**changes), root)


def chain_jobs(root: Path = Path("runs"), **changes: Any) -> dict[str, Job]:
    """Its jobs of the first seed by their titles, in their order."""
    cells = [cell for cell in chain_cells(root, **changes) if cell.seed == 1]
    return {job.title.removesuffix(" / seed 1"): job for job in job_order(cells)}
