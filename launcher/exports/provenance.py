"""Where a shipped encoder comes from: its run's configuration, figures and length, as plain data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from episodic.errors import InputError, require
from launcher.runs.run_folder import RunFolder
from launcher.trust.run_config import read_run_config

#: Arguments that say where files lay on the machine of the training.
PLACES = ("root", "cache_dir", "default_root_dir", "ckpt_path")


def read_provenance(run: RunFolder, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a run that was trained and tested.

    Returns:
        `config` (YAML, without paths), `metrics` of the test by name, `global_step` and `epoch` (from 0) of the
        checkpoint, `training_seconds` (None if the run has no TensorBoard events), versions of `torch` and
        `pytorch_lightning`.

    Raises:
        InputError: the run has not been tested, or not since the checkpoint was written; a damaged file.
    """
    return {
        "config": yaml.safe_dump(without_places(_read_config(run.config)), sort_keys=False, width=110),
        "metrics": _read_metrics(run),
        "global_step": int(checkpoint.get("global_step", 0)),
        "epoch": int(checkpoint.get("epoch", 0)),
        "training_seconds": training_seconds(run.path),
        "torch": str(torch.__version__),
        "pytorch_lightning": str(checkpoint.get("pytorch-lightning_version", "unknown")),
    }


def _read_config(path: Path) -> dict[str, Any]:
    config = read_run_config(path)
    require("model" in config, f"{path} is not a run's configuration: it names no model")
    return config


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without paths and without the name of its run, so that the next one is named after the file."""
    kept: dict[str, Any] = _without_paths(config)
    if isinstance(settings := kept.get("run"), dict):
        kept["run"] = {name: value for name, value in settings.items() if name not in ("name", "version")}
    return kept


def _without_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {name: part for name, part in value.items() if name not in PLACES and not _is_path(part)}
        return {name: _without_paths(part) for name, part in kept.items()}
    if isinstance(value, list):
        return [_without_paths(part) for part in value if not _is_path(part)]
    return value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and (value.startswith("~") or Path(value).is_absolute())


def _read_metrics(run: RunFolder) -> dict[str, float]:
    path, command = run.path / "metrics.json", f"`python cli.py test --ckpt_path {run.best}`"
    require(path.is_file(), f"run {run.path} has no metrics.json: run {command} first")
    fresh = path.stat().st_mtime_ns >= run.best.stat().st_mtime_ns
    require(fresh, f"{path} is older than {run.best.name}: {command} updates it")
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in metrics.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: {command} writes it again") from error


def training_seconds(folder: Path) -> float | None:
    """How long a run trained and validated, by its TensorBoard events: the first to the last of each training."""
    # Its import is slow, and only this needs it.
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    total = 0.0
    for path in sorted(folder.glob("events.out.tfevents.*")):
        events = list(EventFileLoader(str(path)).Load())
        logged = [event.wall_time for event in events if any(v.tag.startswith("train/") for v in event.summary.value)]
        total += logged[-1] - events[0].wall_time if logged else 0.0
    return total or None
