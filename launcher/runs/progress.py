"""How far a run's training has come, and which run of a name is the newest that has ended."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from episodic.checkpoints import read_checkpoint
from episodic.errors import InputError
from launcher.runs.ranks import chosen_version, rank
from launcher.trust.run_config import read_run_config
from launcher.runs.run_folder import RunFolder


def trained_runs(folder: Path) -> list[RunFolder]:
    """List the runs of `<root>/<name>/` that have a checkpoint to resume from, the newest first."""
    checkpoints = [path for path in folder.glob("*/checkpoints/last.ckpt") if path.is_file()]
    checkpoints.sort(key=lambda path: (path.stat().st_mtime_ns, path), reverse=True)
    return [RunFolder(folder.parent, folder.name, path.parents[1].name) for path in checkpoints]


def newest(runs: Iterable[RunFolder]) -> tuple[RunFolder | None, str]:
    """Find the newest finished run that no process writes to; say why each newer one is passed over.

    Args:
        runs: the newest first.
    """
    reasons: list[str] = []
    for run in runs:
        if not is_free(run):
            reasons.append(f"{run.version} is in use by {run.user()}")
        elif (lack := shortfall(run)) is not None:
            reasons.append(f"{run.version} {lack}")
        else:
            return run, _joined(reasons)
    return None, _joined(reasons)


def is_free(run: RunFolder) -> bool:
    """Whether no other command writes to a run; the processes of a distributed one do so together."""
    return run.user() is None or (rank() > 0 and run.version == chosen_version())


def _joined(reasons: list[str]) -> str:
    few = reasons[:3] + (["..."] if len(reasons) > 3 else [])
    return "; ".join(few)


def shortfall(run: RunFolder) -> str | None:
    """Say what a training lacks, such as "has 3 of 20 epochs"; None for a finished one.

    EarlyStopping ends a training, `max_time` only interrupts it. A run whose length is not known counts as finished.
    """
    try:
        checkpoint = read_checkpoint(run.last)
    except InputError:
        return "has a damaged last.ckpt"
    if any(_stopped_early(state) for state in _mapping(checkpoint, "callbacks").values()):
        return None
    limits = _limits(run.config)
    reached = {"max_epochs": _epochs(checkpoint), "max_steps": _whole(checkpoint.get("global_step"))}
    counts = {name: (reached[name], limits[name]) for name in reached if limits.get(name, -1) >= 0}
    if not counts or any(done >= limit for done, limit in counts.values()):
        return None
    return "has " + " and ".join(f"{done} of {limit} {name[4:]}" for name, (done, limit) in counts.items())


def _stopped_early(state: Any) -> bool:
    if not isinstance(state, dict):
        return False
    patience = _whole(state.get("patience"))
    return _whole(state.get("stopped_epoch")) > 0 or 0 < patience <= _whole(state.get("wait_count"))


def _epochs(checkpoint: dict[str, Any]) -> int:
    """Epochs that were trained whole."""
    current = _mapping(checkpoint, "loops", "fit_loop", "epoch_progress", "current")
    return _whole(current.get("processed"))


def _limits(config: Path) -> dict[str, int]:
    """Read `max_epochs` and `max_steps` from a run's configuration; empty where that cannot be read."""
    try:
        trainer = _mapping(read_run_config(config), "trainer")
    except InputError:
        return {}
    return {name: _whole(trainer[name]) for name in ("max_epochs", "max_steps") if trainer.get(name) is not None}


def _mapping(value: Any, *names: str) -> dict[str, Any]:
    """Look up nested mappings; an empty one if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
