"""Small grids, and a command line that takes no time: it leaves what a run leaves, and counts what it is asked for."""

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from experiments.engine.job import Job
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import parse_grid
from experiments.planning.plan import Cell, grid_cells
from launcher.runs.run_folder import RunFolder

CONFIG = {"model": {"class_path": "somewhere.Else"}, "data": {}}
CHAIN = {
    "agent": {"axes": ["noise"], "options": {"model.seconds": 0}},
    "harvest": {"of": "agent"},
    "encoder": {"options": {"data.harvest": "@harvest"}},
}


def grid_of(folder: Path, name: str = "small", **content: Any) -> Grid:
    """Return a grid of fake runs; without axes it has two."""
    config = folder / "fake.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(CONFIG))
    axes = {"keys": {"cue": {}, "label": {"options": {"model.keys": "label"}}}, "noise": NOISE}
    defaults = {"config": str(config), "seeds": [1, 2], "axes": axes, "metrics": ["test/reward"]}
    return parse_grid({**defaults, **content}, name)


NOISE = {"option": "data.noise", "values": [0.0, 0.2], "percent": True}


def chain_of(folder: Path, **content: Any) -> Grid:
    """Return a grid whose conditions build on each other: agent -> harvest -> encoder -> agent."""
    keys = {"cue": {"stage": "agent"}, "encoded": {"options": {"model.agent": "@agent", "model.keys": "@encoder"}}}
    return grid_of(folder, "chain", **{"stages": CHAIN, "axes": {"keys": keys, "noise": NOISE}, **content})


def cells_of(grid: Grid, root: Path) -> dict[str, Cell]:
    """Return the cells of a grid's first seed by condition and evaluation."""
    cells = grid_cells(grid, root)
    return {f"{cell.condition.name} / {cell.evaluation}": cell for cell in cells if cell.seed == grid.file.seeds[0]}


def jobs_of(*tests: Job) -> dict[str, Job]:
    """Return jobs with all that they need, by their titles."""
    found: dict[str, Job] = {}
    for job in tests:
        found |= {**jobs_of(*job.needs), job.title: job}
    return found


def fake(arguments: list[str]) -> int:
    """In place of `cli.main`: options of the model say what happens."""
    given = dict(part.removeprefix("--").split("=", 1) for part in arguments if "=" in part)
    places = dict(pairwise(arguments))
    if "--run.root" in places:
        run = RunFolder(Path(places["--run.root"]), places["--run.name"], places["--run.version"])
    else:
        resumed = RunFolder.of_checkpoint(Path(places["--ckpt_path"]))
        assert resumed is not None
        run = resumed
    with open(run.root / "started.txt", "a") as file:
        file.write(f"{arguments[0]} {run.version} {os.getpid()}\n")
    time.sleep(float(given.get("model.seconds", 0)))
    if (what := given.get("model.fake")) == "fail":
        print("it broke", file=sys.stderr)
        return 1
    hoard = [bytearray(8_000_000)] if what == "hoard" else []
    while hoard:
        hoard.append(bytearray(b"x" * 8_000_000))
        time.sleep(0.01)
    leave(run, arguments[0], arguments)
    return 0


def leave(run: RunFolder, kind: str, arguments: list[str]) -> None:
    """Leave the files of a run; its numbers are a function of the arguments."""
    run.path.mkdir(parents=True, exist_ok=True)
    options = sorted(part for part in arguments if "=" in part)
    value = sum(map(ord, "".join(options))) / 1000
    if kind == "fit":
        run.checkpoints.mkdir(exist_ok=True)
        for path in (run.last, run.best):
            torch.save({"state_dict": {}, "value": value}, path)
        sections = dict.fromkeys(("trainer", "model", "data", "run", "ckpt_path"))
        run.config.write_text(yaml.safe_dump(sections, sort_keys=False))
        (run.path / "metrics.csv").write_text(f"step,val/reward\n10,{value}\n20,{2 * value}\n")
    elif kind == "predict":
        np.savez(run.path / "harvest.npz", states=np.zeros(3))
    else:
        (run.path / "metrics.json").write_text(json.dumps({"test/reward": value}))
        (run.path / "regret_by_pull.csv").write_text("exposure,pull,regret\n1,1,0.5\n")


def started(root: Path) -> list[str]:
    """Return what was started, one `fit version` or so each."""
    lines = (root / "started.txt").read_text().splitlines() if (root / "started.txt").exists() else []
    return [line.rpartition(" ")[0] for line in lines]


def broken_off(command: Callable[[list[str]], int] = fake) -> Callable[[list[str]], int]:
    """Return a command that leaves what the given one leaves, and then fails."""

    def run(arguments: list[str]) -> int:
        command(arguments)
        return 130

    return run
