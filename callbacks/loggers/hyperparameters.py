"""The options of a run beside its results, for loggers that compare runs."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from inspect import Parameter, signature
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.trainer.states import TrainerFn

from callbacks.loggers.names import NUMBERED
from callbacks.pictures import keeps_files
from episodic.agents.keys import Keys
from episodic.agents.perception import Perception
from episodic.objectives.actor_critic import ActorCritic

Value = str | float | bool

#: Options that experiments vary: the columns of TensorBoard's table, whether or not a run has them.
OPTIONS = (
    "model",
    "model.core",
    "model.memory",
    "model.memory.kernel",
    "model.memory.neighbours",
    "model.memory.threshold",
    "model.memory.update",
    "model.memory.match_above",
    "model.keys.source",
    "model.keys.stored",
    "model.keys.embedder",
    "model.learner",
    "model.perception.cue_input",
    "model.perception.embedder",
    "model.loss.discount",
    "model.network",
    "model.network.embedding_size",
    "model.network.latent_size",
    "model.objectives.softmax.weight",
    "model.objectives.triplet.weight",
    "model.objectives.kaiser.weight",
    "model.denoising",
    "model.averaging",
    "model.optimizer",
    "model.optimizer.lr",
    "data.task",
    "data.task.contexts",
    "data.task.exposures",
    "data.task.noise",
    "data.evaluation.noise",
    "data.batch_size",
    "data.labels",
    "seed_everything",
    "trainer.max_epochs",
)
#: The ones that TensorBoard shows first; it shows five.
FIRST = ("model.keys.source", "model.memory.threshold", "data.task.noise", "model.network", "data.batch_size")
FIRST_OF_ALL = ("model.optimizer.lr", "seed_everything")
#: Results of all stages, the columns beside the options.
RESULTS = (
    "test/reward",
    "test/ideal_fraction",
    "test/recall_accuracy",
    "test/accuracy",
    "test/recall_at_1",
    "test/20way_1shot",
    "test/reconstruction_mse",
)
#: Parts of the agent whose null means their defaults.
PARTS = {"model.keys": Keys, "model.perception": Perception, "model.loss": ActorCritic}


class Comparison(NamedTuple):
    """What a run contributes to a comparison of runs."""

    options: Mapping[str, Value]
    results: Sequence[str]  # names of metrics, the first ones first


class HyperparameterTab(pl.Callback):
    """Log a run's options for comparison: at the first validation of a training, and after `test`."""

    def __init__(self) -> None:
        super().__init__()
        self._logged = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._logged = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._log(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log(trainer, pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log(trainer, pl_module)

    def _log(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._logged or not keeps_files(trainer):
            return
        self._logged = True
        comparison = Comparison(options_of(trainer, pl_module), result_names(trainer.callback_metrics))
        for logger in trainer.loggers:
            send_comparison(logger, comparison)


def options_of(trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Value]:
    """Return a run's options by their names on the command line."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    options: dict[str, Value] = {"model": type(pl_module).__name__}
    options |= flat(pl_module.hparams, "model.") | flat(getattr(data, "hparams", {}), "data.")
    options["seed_everything"] = os.environ.get("PL_GLOBAL_SEED", "null")
    options["trainer.max_epochs"] = trainer.max_epochs or 0
    for name, kind in PARTS.items():
        if options.get(name) == "null":
            options |= flat(defaults(kind), f"{name}.")
    if options.get("model.memory") == "null":
        options = {name: value for name, value in options.items() if not name.startswith("model.keys")}
    return options


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Name nested settings as on the command line; a part's own name gives its class.

    >>> flat({"memory": {"class_path": "episodic.memory.EpisodicMemory", "init_args": {"threshold": None}}}, "model.")
    {'model.memory': 'EpisodicMemory', 'model.memory.threshold': 'null'}
    """
    result: dict[str, Value] = {}
    for name, value in settings.items():
        key = prefix + name
        if name.startswith("_"):
            continue
        if isinstance(value, Mapping):
            if isinstance(kind := value.get("class_path"), str):
                result[key] = kind.rpartition(".")[2]
                value = value.get("init_args") or {}
            result |= flat(value, f"{key}.")
        elif value is None or isinstance(value, str | int | float | bool):
            result[key] = "null" if value is None else value
    return result


def defaults(kind: type) -> dict[str, Any]:
    """Return the defaults of a constructor's arguments.

    >>> defaults(Keys)["source"]
    'context'
    """
    parameters = signature(kind).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}


def result_names(metrics: Iterable[str]) -> list[str]:
    """Return the results to compare, those that this stage has first.

    >>> result_names(["val/distance", "val/reward", "val/reward_exposure_01"])[:3]
    ['test/reward', 'test/distance', 'test/ideal_fraction']
    """
    split = [name.partition("/") for name in metrics if not NUMBERED.fullmatch(name)]
    own = {f"test/{name}" for kind, _, name in split if kind in ("val", "test")}
    known = [name for name in RESULTS if name in own]
    return [*known, *sorted(own.difference(known)), *(name for name in RESULTS if name not in own)]


@singledispatch
def send_comparison(logger: Logger, comparison: Comparison) -> None:
    """Send a run's options to a logger that compares runs; Lightning itself sends all loggers the hyperparameters."""


@send_comparison.register(WandbLogger)
@send_comparison.register(MLFlowLogger)
def _(logger: Logger, comparison: Comparison) -> None:
    names = ("model", "seed_everything", "trainer.max_epochs")  # unknown to Lightning
    logger.log_hyperparams({name: comparison.options[name] for name in names if name in comparison.options})


@send_comparison.register
def _(logger: TensorBoardLogger, comparison: Comparison) -> None:
    from tensorboard.plugins.hparams import api_pb2, metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import SessionEndInfo, SessionStartInfo

    # TensorBoard takes the columns of its table from one of the runs, so all runs declare the same ones.
    # Options that "differ" are shown first, the others on demand.
    shown = [*(name for name in FIRST if name in comparison.options), *FIRST_OF_ALL]
    columns = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=api_pb2.DATA_TYPE_STRING, differs=name in shown) for name in OPTIONS
        ],
        metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in comparison.results],
    )
    start = SessionStartInfo()
    for name in OPTIONS:
        if name in comparison.options:
            start.hparams[name].string_value = text(comparison.options[name])
    end = SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    _write(logger, metadata.EXPERIMENT_TAG, experiment=columns)
    _write(logger, metadata.SESSION_START_INFO_TAG, session_start_info=start)
    _write(logger, metadata.SESSION_END_INFO_TAG, session_end_info=end)


def _write(logger: TensorBoardLogger, tag: str, **content: Any) -> None:
    """Write a message of TensorBoard's plugin for hyperparameters, whose own writer needs TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import create_summary_metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    about = create_summary_metadata(HParamsPluginData(**content))
    logger.experiment._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=tag, metadata=about)]))


def text(value: Value) -> str:
    """Write an option's value as on the command line.

    >>> text(True), text(0.015), text("cosine")
    ('true', '0.015', 'cosine')
    """
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
