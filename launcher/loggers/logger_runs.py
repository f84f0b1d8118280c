"""Runs that loggers keep elsewhere: a resume and a test of a run's folder add to the same ones."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jsonargparse import Namespace
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger

from callbacks.pictures import keeps_files
from episodic.errors import InputError
from episodic.files import replace_text
from launcher.messages import one_line
from launcher.runs.run_folder import RunFolder

#: Names the runs of W&B and MLflow that belong to a run's folder, by kind of logger.
RUNS_FILE = "logger_runs.json"
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")

#: The arguments that identify the run that a logger continues.
CONTINUED_BY: dict[type[Logger], tuple[str, ...]] = {WandbLogger: ("version", "id"), MLFlowLogger: ("run_id",)}


def earlier_runs(run: RunFolder) -> dict[str, str]:
    """Read which runs belong to a folder, by kind of logger; a damaged file names none."""
    with suppress(OSError, ValueError, AttributeError):
        runs = json.loads((run.path / RUNS_FILE).read_text(encoding="utf-8"))
        return {str(kind): name for kind, name in runs.items() if isinstance(name, str) and IDENTIFIER.fullmatch(name)}
    return {}


def continue_run(arguments: Namespace, kind: type[Logger], earlier: dict[str, str]) -> None:
    """Have a logger continue the folder's run, unless its arguments name one; the first logger of a kind does."""
    names = CONTINUED_BY[kind]
    if all(arguments.get(name) is None for name in names):
        arguments[names[0]] = earlier.pop(kind.__name__, None)


def start_loggers(trainer: Trainer, run: RunFolder) -> None:
    """Connect the loggers that keep runs elsewhere, and note which runs these are.

    Raises:
        InputError: A logger cannot start, for instance because the user is not logged in.
    """
    runs: dict[str, str] = {}
    for logger in trainer.loggers:
        kind = next((kind.__name__ for kind in CONTINUED_BY if isinstance(logger, kind)), None)
        if kind is not None:
            try:
                logger.experiment  # type: ignore[attr-defined]  # noqa: B018  # connects
                runs.setdefault(kind, str(logger.version))
            except Exception as error:  # each service has its own
                advice = f"; without {run.path / RUNS_FILE} it starts a new run" if earlier_runs(run) else ""
                raise InputError(f"{kind} does not start: {one_line(str(error))}{advice}") from error
    if runs and keeps_files(trainer) and runs != earlier_runs(run):
        replace_text(run.path / RUNS_FILE, json.dumps(runs, indent=2) + "\n")


@contextmanager
def finishing(trainer: Trainer) -> Iterator[None]:
    """End W&B's run after a command, so that the next command in this process does not write into it."""
    failed = True
    try:
        yield
        failed = False
    finally:
        if any(isinstance(logger, WandbLogger) for logger in trainer.loggers):
            import wandb

            wandb.finish(exit_code=int(failed))
