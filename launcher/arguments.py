"""What the command line says before it is parsed: which config belongs to a checkpoint."""

import os
from collections.abc import Sequence
from pathlib import Path

from episodic.errors import InputError, require
from launcher.runs.latest import names_latest, resolve_latest

#: First line of a run's `config.yaml`: configs of other formats are refused.
FORMAT = "# episodic-memory-lab, format 2"
COMMANDS = ("fit", "validate", "test", "predict")


def with_run_config(arguments: Sequence[str]) -> list[str]:
    """Put the run's own `config.yaml` in front where a command names a checkpoint and no config.

    A version takes the place of `latest` in the checkpoint's path; see `launcher.runs.latest`.

    Raises:
        InputError: no `config.yaml` lies beside the checkpoint's folder, or it cannot be read.
    """
    arguments = _with_version(list(arguments))
    if not arguments or arguments[0] not in COMMANDS or option(arguments, "--config", "-c") is not None:
        return arguments
    checkpoint = option(arguments, "--ckpt_path")
    if checkpoint is None or checkpoint in ("last", "best"):
        return arguments
    path = Path(checkpoint)
    require(
        os.path.isfile(path),
        f"checkpoint {checkpoint} does not exist or is not accessible: --ckpt_path has to name a file",
    )
    config = path.absolute().parent.parent / "config.yaml"
    require(
        os.path.isfile(config),
        f"checkpoint {checkpoint} has no {config.name} of its run beside its folder: give --config",
    )
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{config} cannot be read ({error}): give --config") from error
    require(
        text.startswith(FORMAT),
        f"run {config.parent} was made by an earlier version, whose options and checkpoints differ: train it again, or "
        "give --config",
    )
    return [arguments[0], "--config", str(config), *arguments[1:]]


def _with_version(arguments: list[str]) -> list[str]:
    """Put a version in place of `latest` in `--ckpt_path`."""
    checkpoint = option(arguments, "--ckpt_path")
    if checkpoint is None or not names_latest(checkpoint):
        return arguments
    return [*arguments, "--ckpt_path", resolve_latest(checkpoint, "ckpt_path", finished=arguments[0] != "fit")]


def option(arguments: Sequence[str], *names: str) -> str | None:
    """The last value given for an option, as `--name value` or `--name=value`."""
    value = None
    for position, argument in enumerate(arguments):
        head, equals, tail = argument.partition("=")
        if head in names:
            value = tail if equals else next(iter(arguments[position + 1 : position + 2]), None)
    return value
