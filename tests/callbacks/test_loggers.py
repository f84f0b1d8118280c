"""What loggers show besides metrics and pictures: steps, layout, options beside results, tables."""

from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.trainer.states import TrainerFn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.metadata import (
    EXPERIMENT_TAG,
    SESSION_START_INFO_TAG,
    parse_experiment_plugin_data,
    parse_session_start_info_plugin_data,
)
from torch.optim import SGD

import lightning_modules
from callbacks.loggers.hyperparameters import FIRST, FIRST_OF_ALL, OPTIONS, HyperparameterTab, flat, options_of
from callbacks.loggers.result_tables import ResultTables
from callbacks.loggers.scalar_layout import ScalarLayout, arranged
from callbacks.loggers.steps import CheckpointStep
from datamodules import BlockDataModule, HiddenStateDataModule, OmniglotDataModule
from episodic.agents import Keys, Perception
from episodic.memory import EpisodicMemory, StackMemory
from episodic.networks import ConvolutionalAutoencoder, OmniglotEmbedder
from episodic.objectives import ActorCritic, Objectives, SoftmaxConfig
from episodic.tasks import BarcodeBandit
from tests.callbacks.stand_ins import Trainer

#: The parts that options belong to.
KINDS = (
    *(lightning_modules.EpisodicAgent, lightning_modules.OmniglotEncoder, lightning_modules.OmniglotAutoencoder),
    *(BlockDataModule, OmniglotDataModule, HiddenStateDataModule, BarcodeBandit, StackMemory, EpisodicMemory),
    *(Keys, Perception, ActorCritic, Objectives, SoftmaxConfig, OmniglotEmbedder, ConvolutionalAutoencoder, SGD),
)
NESTED = {"memory": {"class_path": "episodic.memory.EpisodicMemory", "init_args": {"threshold": 0.9}}, "keys": None}


class EpisodicAgent(SimpleNamespace):
    """A module that has hyperparameters alone."""


def trainer(folder: Path, **metrics: float) -> Any:
    board = TensorBoardLogger(str(folder), name="", version="", default_hp_metric=False)
    stand_in: Any = Trainer(folder, loggers=[board])
    stand_in.max_epochs, stand_in.world_size = 3, 1
    stand_in.state = SimpleNamespace(fn=TrainerFn.FITTING)
    stand_in.logged_metrics = stand_in.callback_metrics = {name.replace("__", "/"): v for name, v in metrics.items()}
    return stand_in


def events(run: Any) -> EventAccumulator:
    run.loggers[0].experiment.flush()
    return EventAccumulator(run.default_root_dir).Reload()


def test_options_and_results_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    run, module = trainer(tmp_path, val__reward=8.0, val__distance=1.0), EpisodicAgent(hparams=NESTED)
    tab: Any = HyperparameterTab()
    tab.on_validation_end(run, module)
    tab.on_train_end(run, module)  # does not write a second time
    metadata = {tag: events(run).SummaryMetadata(tag) for tag in (EXPERIMENT_TAG, SESSION_START_INFO_TAG)}
    columns = parse_experiment_plugin_data(metadata[EXPERIMENT_TAG].plugin_data.content)
    assert [info.name for info in columns.hparam_infos] == list(OPTIONS)
    assert {info.name for info in columns.hparam_infos if info.differs} >= {"model.keys.source", "seed_everything"}
    assert [info.name.tag for info in columns.metric_infos][:2] == ["test/reward", "test/distance"]
    start = parse_session_start_info_plugin_data(metadata[SESSION_START_INFO_TAG].plugin_data.content)
    values = {name: value.string_value for name, value in start.hparams.items()}
    assert values["model"] == "EpisodicAgent"
    assert values["model.memory.threshold"] == "0.9"
    assert values["model.keys.source"] == "context", "the default where keys is null"
    assert values["seed_everything"] == "5"


def test_an_agent_without_memory_has_no_keys(tmp_path: Path) -> None:
    module: Any = EpisodicAgent(hparams={"memory": None, "keys": None})
    assert not [name for name in options_of(trainer(tmp_path), module) if name.startswith("model.keys")]


def test_the_table_opens_with_five_options() -> None:
    agents = [name for name in FIRST if name not in ("model.network", "data.batch_size")]
    assert len([*agents, *FIRST_OF_ALL]) == 5
    assert set(FIRST) | set(FIRST_OF_ALL) <= set(OPTIONS)


def test_every_option_is_an_argument_of_a_part() -> None:
    parts = {name.removeprefix("model.").removeprefix("data.") for name in OPTIONS}
    names = {name.rpartition(".")[2] for name in parts} - {"model", "seed_everything", "max_epochs"}
    known = {argument for kind in KINDS for argument in signature(kind).parameters}
    assert not names - known


def test_settings_are_flat() -> None:
    nested = {"a": {"b": {"c": 1}, "d": None}, "_class": "x", "names": [1, 2], "rate": 0.5}
    assert flat(nested) == {"a.b.c": 1, "a.d": "null", "rate": 0.5}


def test_training_and_validation_share_a_plot(tmp_path: Path) -> None:
    run, module = trainer(tmp_path, train__reward=1.0, val__reward=8.0), EpisodicAgent()
    layout: Any = ScalarLayout()
    layout.on_validation_end(run, module)
    layout.on_validation_end(run, module)
    (event,) = events(run).Tensors("custom_scalars__config__")
    (category,) = Layout.FromString(event.tensor_proto.string_val[0]).category
    assert category.title == "EpisodicAgent"
    assert {chart.title: list(chart.multiline.tag) for chart in category.chart} == {"reward": ["^(train|val)/reward$"]}


def test_a_stage_has_about_a_dozen_plots() -> None:
    numbered = [f"val/{name}_exposure_{n:02d}" for name in ("reward", "regret") for n in range(1, 11)]
    agent = ["reward", "loss", "policy_loss", "value_loss", "entropy", "entropy_weight", "learning_rate"]
    validation = ["reward", "ideal_fraction", "nothing_recalled", "recall_accuracy", "regret", "slots_in_use"]
    names = [*(f"train/{name}" for name in agent), *(f"val/{name}" for name in validation), *numbered]
    assert 8 <= len(arranged(names)) <= 14


def test_results_are_a_table(tmp_path: Path) -> None:
    run = trainer(tmp_path, test__reward=8.25, test__reward_exposure_01=4.0, step=6400)
    results: Any = ResultTables()
    results.on_test_end(run, EpisodicAgent())
    (event,) = events(run).Tensors("test_results/text_summary")
    assert event.step == 6400
    assert "| reward | 8.25 |" in event.tensor_proto.string_val[0].decode()


@pytest.mark.parametrize(
    ("checkpoint", "step"),
    [
        ({"callbacks": {"LastCheckpoint": {"logged": {"rows": 3, "step": 900}}}, "global_step": 30}, [900.0]),
        ({"callbacks": {}, "global_step": 30}, [30.0]),
        (None, []),
    ],
)
def test_results_stand_at_the_step_of_their_checkpoint(checkpoint: Any, step: list[float], tmp_path: Path) -> None:
    logged: list[float] = []
    module: Any = SimpleNamespace(log=lambda name, value, **options: logged.append(value))
    run = trainer(tmp_path)
    callback = CheckpointStep(checkpoint)
    callback.on_validation_epoch_end(run, module)  # of a training
    callback.on_test_epoch_end(run, module)
    assert logged == step
    run.state.fn = TrainerFn.VALIDATING
    callback.on_validation_epoch_end(run, module)
    assert logged == 2 * step


def test_a_fast_dev_run_shows_nothing(tmp_path: Path) -> None:
    run, module = trainer(tmp_path, val__reward=torch.tensor(1.0)), EpisodicAgent(hparams={})  # type: ignore[arg-type]
    run.fast_dev_run = True
    for callback in (HyperparameterTab(), ScalarLayout()):
        watching: Any = callback
        watching.on_train_end(run, module)
    assert not list(tmp_path.iterdir())
