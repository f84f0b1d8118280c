"""What the command line says before it is parsed: which config belongs to a checkpoint."""

import os
from collections.abc import Sequence
from pathlib import Path

from episodic.errors import InputError, require
from launcher.runs.latest import names_latest, resolve_latest
from launcher.runs.run_folder import RunFolder
from launcher.trust.run_config import read_run_config

#: First line of a run's `config.yaml`: configs of other formats are refused.
FORMAT = "# episodic-memory-lab, format 2"
COMMANDS = ("fit", "validate", "test", "predict")
#: Uses the config beside a checkpoint without a check; see `launcher.trust.check`.
TRUST = "--trust"


def with_run_config(arguments: Sequence[str]) -> list[str]:
    """Put the run's own `config.yaml` in front if a command names a checkpoint and no config.

    A version replaces `latest` in the checkpoint's path; see `launcher.runs.latest`.

    Raises:
        InputError: no `config.yaml` lies beside the checkpoint's folder, it cannot be read, or it is not trusted.
    """
    arguments = _with_version(list(arguments))
    if not arguments or arguments[0] not in COMMANDS:
        return arguments
    trusted, arguments = TRUST in arguments, [argument for argument in arguments if argument != TRUST]
    checkpoint = option(arguments, "--ckpt_path")
    if checkpoint in (None, "last", "best") or option(arguments, "--config", "-c") is not None:
        return arguments
    require(
        os.path.isfile(checkpoint),
        f"checkpoint {checkpoint} does not exist or is not accessible: --ckpt_path must name a file",
    )
    run = RunFolder.of_checkpoint(Path(checkpoint))
    if run is None or not os.path.isfile(run.config):
        raise InputError(f"checkpoint {checkpoint} has no config.yaml of its run beside its folder: give --config")
    require(
        _first_line(run.config).startswith(FORMAT),
        f"run {run.path} was made by an earlier version, whose options and checkpoints differ: train it again, or "
        "give --config",
    )
    if not trusted:
        _require_trusted(run.config, arguments)
    return [arguments[0], "--config", str(run.config), *arguments[1:]]


def _require_trusted(config: Path, arguments: Sequence[str]) -> None:
    from launcher.trust.check import require_trusted  # it imports the stages, which other commands do without

    require_trusted(read_run_config(config), config, lambda name: option(arguments, name) is not None)


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.readline(len(FORMAT) + 1).decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give --config") from error


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
