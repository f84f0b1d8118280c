"""Has the command line read the options of jobs before any job is run, so that a misspelt option costs no training."""

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

from distributed import Client

from episodic.errors import require
from experiments.engine.isolation import isolated
from experiments.engine.job import Job
from experiments.engine.work import command_line

#: The number of an option `--name=number`, and the hash in the names of run folders.
NUMBER = re.compile(r"(?<==)-?\d+(\.\d*)?(e[+-]?\d+)?$")
IDENTITY = re.compile(r"[0-9a-f]{12}")


def check_options_of(client: Client, jobs: Sequence[Job]) -> None:
    """Check the names and types of the options of jobs.

    What a class refuses when it is built, such as a wrong size, only shows when the job starts. Of jobs whose options
    differ only in numbers, one is checked.

    Args:
        client: of the cluster whose workers read the options.
        jobs: to be checked; of jobs that differ only in their seed, one is enough.

    Raises:
        InputError: an option of a job, or of the training that it uses, has a wrong name or value.
    """
    used = {job.needs[0].key for job in jobs if job.kind != "train"}  # trainings whose options are read with a user's
    forms: dict[tuple[str, ...], Job] = {}
    for job in jobs:
        if job.key not in used:
            forms.setdefault(_form(options_of(job)), job)
    read = list(forms.values())
    complaints = client.gather(client.map(complaint, [options_of(job) for job in read], pure=False))
    for job, reason in zip(read, complaints, strict=True):
        require(not reason, f"{job.title}: {reason}")


def options_of(job: Job) -> tuple[str, ...]:
    """Return the options of a job; those of a test or a prediction with the ones of the training that it uses."""
    if job.kind == "train":
        return job.arguments[1:]
    own = job.arguments[job.arguments.index("--ckpt_path") + 2 :]
    return (*options_of(job.needs[0]), *own)


def _form(options: Sequence[str]) -> tuple[str, ...]:
    """Return options with numbers replaced by their type, and without identities of jobs."""
    typed = (NUMBER.sub(lambda number: "float" if number[1] or number[2] else "int", part) for part in options)
    return tuple(IDENTITY.sub("", part) for part in typed)


def complaint(options: Sequence[str]) -> str:
    """Return what the command line says against options; empty if it takes them."""
    output, command = io.StringIO(), command_line()
    with isolated(), redirect_stdout(io.StringIO()), redirect_stderr(output):
        status = command(["fit", *options, "--print_config"])
    return output.getvalue().strip().rpartition("\n")[2].removeprefix("error: ") if status else ""
