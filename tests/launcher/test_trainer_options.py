"""Options of Lightning that cannot work are refused in one line that says what to use; no training starts."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from pytorch_lightning import callbacks
from pytorch_lightning.plugins import HalfPrecision, MixedPrecision
from pytorch_lightning.strategies import DDPStrategy, FSDPStrategy

from cli import main
from datamodules.blocks import BlockDataModule
from episodic.errors import InputError
from launcher.trainer.callbacks import check_callbacks
from launcher.trainer.options import CLUSTER, prepare_options
from tests.runs import one_error
from tests.tiny import tiny_bandit


def model(by_itself: bool = False) -> pl.LightningModule:
    """A module that leaves its optimiser steps to Lightning, or takes them by itself."""
    module = pl.LightningModule()
    module.automatic_optimization = not by_itself
    return module


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("overfit_batches", 1, "use --trainer.limit_train_batches"),
        ("overfit_batches", 0.5, "use --trainer.limit_train_batches"),
        ("use_distributed_sampler", True, "the data modules share out the data"),
        ("barebones", True, "benchmarks/throughput.py"),
        ("model_registry", "x", "the run's folder"),
        ("precision", "bf16-true", "32-true, 64-true, bf16-mixed, 16-mixed"),
        ("plugins", [HalfPrecision("16-true")], "HalfPrecision: use --trainer.precision"),
        ("strategy", "ddp_spawn", "trainer.strategy is ddp_spawn: it must be auto, ddp"),
        ("strategy", "fsdp", "it must be auto, ddp"),
        ("strategy", "deepspeed_stage_2", "it must be auto, ddp"),
        ("strategy", FSDPStrategy(), "trainer.strategy is FSDPStrategy"),
        ("strategy", DDPStrategy(start_method="spawn"), "trainer.strategy is DDPStrategy"),
        ("num_nodes", 2, "MASTER_ADDR"),
        ("sync_batchnorm", True, "on GPUs only"),
        ("check_val_every_n_epoch", 0, "it must be 1 or more"),
        ("gradient_clip_algorithm", "value", "without --trainer.gradient_clip_val"),
        ("profiler", "xla", "torch_xla"),
    ],
)
def test_an_option_that_cannot_work_is_refused(
    name: str, value: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in CLUSTER:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InputError, match=words):
        prepare_options({"accelerator": "cpu", name: value}, model())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("accumulate_grad_batches", 2, "use --data.environments"),
        ("gradient_clip_val", 0.5, "use --model.gradient_norm"),
        ("gradient_clip_algorithm", "norm", "--model.gradient_norm"),
    ],
)
def test_a_module_that_takes_its_own_steps_names_its_own_option(name: str, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        prepare_options({"accelerator": "cpu", name: value}, model(by_itself=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"precision": None, "plugins": [MixedPrecision("bf16-mixed", "cpu")]},
        {"strategy": DDPStrategy()},
        {"strategy": "ddp_find_unused_parameters_true"},
        {"gradient_clip_val": 0.5, "gradient_clip_algorithm": "value", "accumulate_grad_batches": 2},
        {"check_val_every_n_epoch": None, "profiler": "simple"},
    ],
)
def test_other_options_stay_as_they_are(options: dict[str, Any]) -> None:
    before = dict(options)
    prepare_options(options, model())
    assert options == before


def test_a_short_precision_is_written_out() -> None:
    options: dict[str, Any] = {"precision": 64}
    prepare_options(options, model())
    assert options["precision"] == "64-true"


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (callbacks.StochasticWeightAveraging(0.1), "EMAWeightAveraging"),
        (callbacks.ModelPruning("l1_unstructured", amount=0.1), "leave it out"),
        (callbacks.GradientAccumulationScheduler({0: 2}), "--data.environments"),
        (callbacks.LearningRateFinder(), "experiments.search.study"),
        (callbacks.BatchSizeFinder(), "has no batch_size"),
        (callbacks.BackboneFinetuning(), "has no backbone"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, pl.Callback) else "",
)
def test_a_callback_that_cannot_work_is_refused(callback: pl.Callback, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_callbacks([callback], model(by_itself=True), BlockDataModule(), resuming=False)


def test_a_resumed_training_searches_for_no_setting() -> None:
    check_callbacks([callbacks.LearningRateFinder()], model(), BlockDataModule(), resuming=False)
    with pytest.raises(InputError, match="cannot search again"):
        check_callbacks([callbacks.LearningRateFinder()], model(), BlockDataModule(), resuming=True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("default_root_dir", "elsewhere", "use that"),
        ("strategy", "ddp_spawn", "it must be auto, ddp"),
        ("val_check_interval", "7", "number of the training batches"),
        ("precision", "int8", "trainer.precision"),
    ],
)
def test_the_command_line_says_so_in_one_line(
    name: str, value: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), f"--trainer.{name}", value]) == 2
    assert words in one_error(capsys)
    assert not list(tmp_path.rglob("*"))
