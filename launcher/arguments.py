"""What the command line says before it is parsed: which config belongs to a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from episodic.errors import require

#: First line of a run's `config.yaml`: configs of other formats are refused.
FORMAT = "# episodic-memory-lab, format 2"
COMMANDS = ("fit", "validate", "test", "predict")


def with_run_config(arguments: Sequence[str]) -> list[str]:
    """Put the run's own `config.yaml` in front where a command names a checkpoint and no config.

    Raises:
        InputError: no `config.yaml` lies beside the checkpoint's folder.
    """
    arguments = list(arguments)
    if not arguments or arguments[0] not in COMMANDS or option(arguments, "--config", "-c") is not None:
        return arguments
    checkpoint = option(arguments, "--ckpt_path")
    if checkpoint is None or checkpoint in ("last", "best"):
        return arguments
    path = Path(checkpoint)
    require(path.is_file(), f"checkpoint {checkpoint} does not exist: --ckpt_path has to name a file")
    config = path.absolute().parent.parent / "config.yaml"
    require(
        config.is_file(),
        f"checkpoint {checkpoint} has no {config.name} of its run beside its folder: give --config",
    )
    require(
        config.read_text(encoding="utf-8").startswith(FORMAT),
        f"run {config.parent} was made by an earlier version, whose options and checkpoints differ: train it again, or "
        "give --config",
    )
    return [arguments[0], "--config", str(config), *arguments[1:]]


def option(arguments: Sequence[str], *names: str) -> str | None:
    """The last value given for an option, as `--name value` or `--name=value`."""
    value = None
    for position, argument in enumerate(arguments):
        head, equals, tail = argument.partition("=")
        if head in names:
            value = tail if equals else next(iter(arguments[position + 1 : position + 2]), None)
    return value
