"""The loggers of a run: TensorBoard and `metrics.csv`, and beside them the ones that the user names."""

from importlib import import_module
from typing import Any, NamedTuple

from jsonargparse import Namespace
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from callbacks.metrics_csv import MetricsCSV
from episodic.errors import InputError
from launcher.loggers.logger_runs import continue_run, earlier_runs
from launcher.messages import one_line
from launcher.runs.run_folder import RunFolder


class ContinuingMLFlowLogger(MLFlowLogger):
    """An MLFlowLogger that keeps the parameters of a run that it continues: MLflow refuses other values for them."""

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        from mlflow.exceptions import MlflowException

        try:
            super().log_hyperparams(params)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise


class EarlierLogs(NamedTuple):
    """How much of a run's earlier logs a training keeps."""

    rows: int | None = 0  # of `metrics.csv`; None keeps all
    last_step: int | None = None  # later TensorBoard events are dropped; None drops none


def make_loggers(given: Any, run: RunFolder, parser: LightningArgumentParser, kept: EarlierLogs | None) -> list[Logger]:
    """Make the loggers of a run: ours and the ones in the configuration. A TensorBoardLogger there replaces ours.

    Args:
        given: `trainer.logger` of the configuration: null or true for only ours, or settings of one or more loggers.
        run: the run's folder, where loggers write by default.
        parser: of the command.
        kept: what a training keeps of earlier logs; None for a command that writes no `metrics.csv`.

    Raises:
        InputError: a logger's package is not installed, or a logger refuses its settings.
    """
    named = [] if given in (None, True) else given if isinstance(given, list) else [given]
    purge_step = None if kept is None or kept.last_step is None else kept.last_step + 1
    earlier = earlier_runs(run)
    placed = [_placed(settings.clone(), run, purge_step, earlier) for settings in named]
    others = [_instance(settings, parser) for settings in placed]
    boards = [logger for logger in others if isinstance(logger, TensorBoardLogger)]
    if not boards:
        boards = [TensorBoardLogger(run.root, run.name, run.version, default_hp_metric=False, purge_step=purge_step)]
    table = [MetricsCSV(run.path, kept.rows)] if kept is not None else []
    return [*boards, *table, *(logger for logger in others if logger not in boards)]


def _placed(settings: Namespace, run: RunFolder, purge_step: int | None, earlier: dict[str, str]) -> Namespace:
    """Complete a logger's settings: the run's folder where they name none, its name, and the runs to continue."""
    module, _, name = settings.class_path.rpartition(".")
    kind, title = getattr(import_module(module), name), f"{run.name}/{run.version}"
    arguments = settings.init_args = settings.get("init_args") or Namespace()
    here = "save_dir" in arguments and arguments.save_dir is None
    if here:
        arguments.save_dir = str(run.path)
    if issubclass(kind, TensorBoardLogger) and here:
        arguments.save_dir, arguments.name, arguments.version = str(run.root), run.name, run.version
        arguments.default_hp_metric, arguments.purge_step = False, purge_step
    elif issubclass(kind, WandbLogger):
        arguments.name = arguments.name or title
        arguments.resume = arguments.resume or "allow"  # Lightning's default, which the parser replaces by null
        continue_run(arguments, WandbLogger, earlier)
    elif issubclass(kind, MLFlowLogger):
        arguments.run_name = arguments.run_name or title
        continue_run(arguments, MLFlowLogger, earlier)
        if here and arguments.tracking_uri is None:  # MLflow's default, a folder of files, is refused by newer versions
            folder = run.path.absolute()
            arguments.tracking_uri = f"sqlite:///{folder / 'mlflow.db'}"
            arguments.artifact_location = arguments.artifact_location or (folder / "mlruns").as_uri()
        if kind is MLFlowLogger:
            settings.class_path = f"{__name__}.{ContinuingMLFlowLogger.__name__}"
    return settings


def _instance(settings: Namespace, parser: LightningArgumentParser) -> Logger:
    name = settings.class_path.rpartition(".")[2].removeprefix("Continuing")
    try:
        logger: Logger = parser.instantiate_classes(Namespace(trainer=Namespace(logger=settings))).trainer.logger
    except Exception as error:  # each service has its own
        raise InputError(f"{name}: {one_line(str(error))}") from error
    return logger


def leave_folder_open(parser: LightningArgumentParser) -> None:
    """Make a logger's `save_dir` optional; null is the run's folder."""
    for action in parser._actions:
        if action.dest == "save_dir":
            action.required = False
            parser.set_defaults(save_dir=None)
