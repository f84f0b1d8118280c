"""`latest` as the version in a path, `runs/NAME/latest/checkpoints/best.ckpt`: the newest finished run of that name."""

import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from episodic.errors import InputError, require
from launcher.runs.ranks import rank
from launcher.runs.progress import newest, trained_runs

LATEST = "latest"
PROJECT = Path(__file__).resolve().parents[2]


def names_latest(value: object) -> bool:
    """Whether a value is a path to a file of the latest run.

    >>> [names_latest(path) for path in ("runs/a/latest/harvest.npz", "runs/a/version_0/harvest.npz", "latest", None)]
    [True, False, False, False]
    """
    return _parts(value) is not None


def resolve_latest(path: str, option: str, *, finished: bool = True, root: str | None = None) -> str:
    """Put the version of the newest finished run in place of `latest`; other paths stay as they are.

    Args:
        path: of a run's checkpoint or harvest, as an option gives it.
        option: name of the option, for messages.
        finished: whether the run must be finished; a run to be resumed need not be.
        root: `--run.root` of the command: the folder that it writes to. It changes no path in a config.

    Raises:
        InputError: no run of that name is finished, or the newest one lacks the file.
    """
    parts = _parts(path)
    if parts is None or Path(path).exists():  # a folder that is called so in truth
        return path
    folder, rest = parts
    runs = trained_runs(folder)
    run, reasons = newest(runs) if finished or not runs else (runs[0], "")
    passed_over = f" ({reasons})" if reasons else ""
    if run is None:
        elsewhere = root is not None and os.path.realpath(root) != os.path.realpath(folder.parent)
        remark = f" (--run.root {root} does not move this path)" if elsewhere else ""
        raise InputError(
            f"{option} is {path}: no run in {folder} is finished{passed_over}; {_training(folder.name)}{remark}"
        )
    resolved = run.path / rest
    remedy = f"; `python cli.py predict --ckpt_path {run.best}` writes it" if rest.suffix == ".npz" else ""
    require(resolved.exists(), f"{option} is {path}: the newest run, {run.path}, has no {rest}{remedy}")
    if rank() == 0:
        kind = "newest finished run" if finished else "newest run"
        print(f"{option}: {resolved}, of the {kind}{passed_over}")
    return str(resolved)


def resolve_all(settings: Namespace, section: str, *, required: bool) -> None:
    """Resolve `latest` in all options of a section, such as `model`.

    Args:
        settings: of the command; changed in place.
        section: name of the section.
        required: whether a path without a run is an error; otherwise it stays as it is.

    Raises:
        InputError: see `resolve_latest`.
    """
    for holder, key, name in list(_options(settings.get(section), section)):
        with nullcontext() if required else suppress(InputError):
            holder[key] = resolve_latest(holder[key], name, root=settings.run.root)


def _options(value: Any, name: str) -> Iterator[tuple[Any, Any, str]]:
    """Find the paths with `latest` below a value: what holds each, under which key, and the option's name."""
    items: Any = ()
    if isinstance(value, Namespace | dict):
        items = value.items(branches=True, nested=False) if isinstance(value, Namespace) else value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, part in items:
        option = name if key == "init_args" else f"{name}.{key}"
        if names_latest(part):
            yield value, key, option
        yield from _options(part, option)


def _parts(value: object) -> tuple[Path, Path] | None:
    """Split a path into the folder of its runs and the file within the run; None for anything else."""
    if not isinstance(value, str) or LATEST not in value:
        return None
    path = Path(value)
    depth = 2 if path.parent.name == "checkpoints" else 1
    if len(path.parts) < depth + 2 or path.parts[-1 - depth] != LATEST or path.suffix not in (".ckpt", ".npz"):
        return None
    return path.parents[depth], path.relative_to(path.parents[depth - 1])


def _training(name: str) -> str:
    """Say which command trains a run of a name."""
    config = Path("configs") / f"{name}.yaml"
    if (PROJECT / config).is_file():
        return f"`python cli.py fit --config {config}` trains one"
    return f"`python cli.py fit --run.name {name}` with its config trains one"
