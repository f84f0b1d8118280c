"""One trial of a search on a worker: its trainings, seed after seed, stopped early if the pruner decides so."""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import optuna
import pandas as pd
import pytorch_lightning as pl

from episodic.checkpoints import read_checkpoint
from episodic.errors import InputError, require
from experiments.engine.job import Job
from experiments.engine.work import JobFailed, Stopped, work
from experiments.search.storage import open_storage
from experiments.tables.files import read_table
from launcher.main import run
from launcher.runs.run_folder import RunFolder
from launcher.stage_cli import StageCLI

SEED_STEPS = 10_000  # steps of the trial that each seed has, of which an epoch takes one


class Ended(NamedTuple):
    """How a trial ended: a value for each seed, whether it was stopped early, and its seconds."""

    values: list[float]
    pruned: bool
    seconds: float


class ReportToTrial(pl.Callback):
    """Reports the metric after each validation, and stops the training if the trial should be pruned."""

    def __init__(self, trial: optuna.Trial, metric: str, first_step: int) -> None:
        self.trial, self.metric, self.first_step, self.pruned = trial, metric, first_step, False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = float(trainer.callback_metrics.get(self.metric, math.nan))
        if math.isfinite(value):
            self.trial.report(value, self.first_step + trainer.current_epoch)
            self.pruned = self.trial.should_prune()
            trainer.should_stop = trainer.should_stop or self.pruned


def train_trial(
    jobs: Sequence[Job],
    storage: str,
    study: str,
    pruner: optuna.pruners.BasePruner,
    trial_id: int,
    metric: str,
    folder: str,
) -> Ended:
    """Do a trial's trainings, and return what they are worth; the task of a Dask worker.

    Raises:
        JobFailed: a training failed, or did not log the metric.
    """
    begun = time.monotonic()
    trial = optuna.Trial(optuna.load_study(study_name=study, storage=open_storage(storage), pruner=pruner), trial_id)
    values: list[float] = []
    for place, job in enumerate(jobs):
        report = ReportToTrial(trial, metric, place * SEED_STEPS)

        def command(arguments: list[str], report: ReportToTrial = report) -> int:
            status = run(_cli_with(report), arguments)
            if report.pruned and not status:
                raise Stopped
            return status

        try:
            work(job, (), folder, command)
        except Stopped:
            return Ended(values, True, time.monotonic() - begun)
        try:
            values.append(best_value(job.run, metric))
        except InputError as error:
            raise JobFailed(job.key, str(error)) from error
    return Ended(values, False, time.monotonic() - begun)


def _cli_with(report: pl.Callback) -> type[StageCLI]:
    """Return the command line with one more callback, which is not part of the run's config."""

    class ReportingCLI(StageCLI):
        def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[pl.Callback]) -> pl.Trainer:
            return super()._instantiate_trainer(config, [*callbacks, report])

    return ReportingCLI


def best_value(run_folder: RunFolder, metric: str) -> float:
    """Return a validation metric of a run's best checkpoint: the last one logged before it was written.

    Not the best one of the whole training: those weights may not have been saved.

    Raises:
        InputError: the run has not logged the metric, or it is not a number.
    """
    from callbacks.checkpoints import logged_before

    known, _ = logged_before(read_checkpoint(run_folder.best))
    frame: pd.DataFrame = read_table(run_folder.path / "metrics.csv", ())[:known]
    names = ", ".join(name for name in frame.columns if name.startswith("val/"))
    there = metric in frame and frame[metric].notna().any()
    require(bool(there), f"metric is {metric!r}, which {run_folder.path} does not have: it must be one of {names}")
    value = float(frame[metric].dropna().iloc[-1])
    require(math.isfinite(value), f"{metric} is {value}")
    return value
