"""Which process of a distributed run this is, before Lightning knows."""

import os

from episodic.errors import require

#: How the process that starts a distributed run tells the others which version it chose.
VERSION_VARIABLE = "EPISODIC_RUN_VERSION"


def rank() -> int:
    """Return the number of this process, 0 if it is the only one.

    Raises:
        InputError: The environment variable that holds it is not a number.
    """
    return next((_number(name) for name in _rank_variables() if name in os.environ), 0)


def chosen_version() -> str | None:
    """Return the version that the first process chose, for the other processes that it started; None in the first.

    Raises:
        InputError: the processes were started apart (by torchrun or SLURM), so they cannot agree on a version.
    """
    number, version = rank(), os.environ.get(VERSION_VARIABLE)
    if number == 0 and not _started_apart():
        return None
    require(
        number > 0 and version is not None,
        f"process {number} was started separately and cannot agree with the others on a run folder: give "
        "--run.version",
    )
    return version


def _started_apart() -> bool:
    """Whether something other than Lightning started several processes."""
    variables = ("SLURM_NTASKS",) if _slurm_tasks() else ("WORLD_SIZE",) if "RANK" in os.environ else ()
    return any(_number(name) > 1 for name in variables if name in os.environ)


def _rank_variables() -> tuple[str, ...]:
    return ("RANK", "LOCAL_RANK", "SLURM_PROCID") if _slurm_tasks() else ("RANK", "LOCAL_RANK")


def _slurm_tasks() -> bool:
    """Whether SLURM started this process as a task, by Lightning's rule: an interactive shell is none."""
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def _number(name: str) -> int:
    value = os.environ[name]
    require(value.isdecimal(), f"the environment variable {name} is {value!r}: it must be a number, 0 or more")
    return int(value)
