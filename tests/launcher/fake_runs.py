"""Run folders with a checkpoint and a config, as far as choosing between runs needs them."""

import os
from pathlib import Path
from typing import Any

import torch
import yaml

from launcher.arguments import FORMAT
from launcher.runs.run_folder import RunFolder


def leave_run(
    root: Path, name: str, version: str, *, epochs: int = 2, of: int = 2, age: int = 0, **entries: Any
) -> RunFolder:
    """Leave a run that was trained for `epochs` of `of` epochs, with further entries of its last checkpoint."""
    run = RunFolder(root, name, version)
    run.checkpoints.mkdir(parents=True)
    progress = {"fit_loop": {"epoch_progress": {"current": {"processed": epochs, "completed": epochs - 1}}}}
    checkpoint = {"state_dict": {}, "loops": progress, "global_step": 10 * epochs, **entries}
    for path in (run.best, run.last):
        torch.save(checkpoint, path)
    settings = {
        "trainer": {"max_epochs": of, "max_steps": -1},
        "run": {"root": str(root), "name": name, "version": version},
    }
    run.config.write_text(f"{FORMAT}\n{yaml.safe_dump(settings)}")
    now = 2_000_000_000 - age
    os.utime(run.last, (now, now))
    return run
