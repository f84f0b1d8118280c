"""Write a profiler's report into the run's folder, and print its path."""

import logging
import os
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

KINDS: dict[str, type[Profiler]] = {
    "simple": SimpleProfiler,
    "advanced": AdvancedProfiler,
    "pytorch": PyTorchProfiler,
}
NAME = "profile"


def place_profiler(options: dict[str, Any], folder: Path) -> None:
    """Have the Trainer's profiler write `<command>-profile.txt` into a folder; without a run folder, it prints."""
    if options.get("profiler") in KINDS:
        options["profiler"] = KINDS[options["profiler"]]()
    profiler = options.get("profiler")
    if not isinstance(profiler, Profiler):
        return
    if isinstance(profiler, PyTorchProfiler):
        os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # otherwise it reports its own starts and stops
    if options.get("fast_dev_run"):
        logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)
        return
    profiler.dirpath, profiler.filename = profiler.dirpath or folder, profiler.filename or NAME


def report_profile(trainer: Trainer) -> None:
    """Print the report's path."""
    profiler: Any = trainer.profiler  # type: ignore[attr-defined]
    if not trainer.is_global_zero or profiler.dirpath is None or profiler.filename is None:
        return
    for path in sorted(Path(profiler.dirpath).glob(f"*{profiler.filename}*.txt")):
        print(f"profile: {path}")
