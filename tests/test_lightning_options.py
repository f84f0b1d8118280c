"""Options and callbacks of Lightning that change a run, tried on the agent and on an encoder."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from cli import main
from lightning_modules import EpisodicAgent, HiddenStateEncoder
from tests.runs import BrokenOff, assert_equal_runs, at_batch, raise_error
from tests.tiny import tiny_bandit, tiny_hidden_state_encoder

AGENT, ENCODER, LEARNER = "agent", "encoder of states", "agent with a learner"
MODULES: dict[str, type[pl.LightningModule]] = {AGENT: EpisodicAgent, ENCODER: HiddenStateEncoder}


def tiny_stage(stage: str, root: Path, *options: str, epochs: int = 1) -> list[str]:
    """Arguments of `fit`, in this process's one thread and without pictures."""
    if stage == ENCODER:
        arguments = tiny_hidden_state_encoder(root, epochs=epochs)
    else:
        config = "barcode_bandit_encoder_online" if stage == LEARNER else "barcode_bandit"
        arguments = tiny_bandit(root, config, epochs=epochs)
    return [*arguments, "--run.threads", "1", "--trainer.callbacks", "null", *options]


def callback(name: str, arguments: str = "{}") -> str:
    """The option that adds one of Lightning's callbacks."""
    return f"--trainer.callbacks=[{{class_path: pytorch_lightning.callbacks.{name}, init_args: {arguments}}}]"


@pytest.mark.parametrize("stage", MODULES)
@pytest.mark.parametrize(
    "options",
    [
        [callback("Timer", "{duration: '00:00:10:00'}")],
        [callback("RichProgressBar")],
        [callback("LearningRateMonitor"), "--trainer.detect_anomaly=true"],
        ["--trainer.num_sanity_val_steps=1", "--trainer.inference_mode=false", "--trainer.deterministic=true"],
        ["--trainer.check_val_every_n_epoch=null", "--trainer.val_check_interval=1", "--trainer.log_every_n_steps=0"],
        ["--trainer.strategy=single_device", "--trainer.enable_progress_bar=false"],
    ],
    ids=["timer", "progress bar", "monitor", "sanity steps", "interval", "strategy"],
)
def test_an_option_works(options: list[str], stage: str, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    assert main(["fit", *tiny_stage(stage, tmp_path, *options, "--run.version", "x")]) == 0
    assert next(tmp_path.glob("*/x/checkpoints/last.ckpt")).is_file()
    assert not [str(warning.message) for warning in recwarn if "pute`` method" in str(warning.message)]


@pytest.mark.parametrize("stage", [*MODULES, LEARNER])
def test_averaged_weights_are_saved_and_resumed(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = tiny_stage(stage, tmp_path, callback("EMAWeightAveraging", "{decay: 0.5}"), epochs=3)
    assert main(["fit", *arguments, "--run.version", "whole"]) == 0
    whole = next(tmp_path.glob("*/whole"))
    with monkeypatch.context() as patch:
        at_batch(patch, MODULES.get(stage, EpisodicAgent), 2, 1, raise_error)
        with pytest.raises(BrokenOff):
            main(["fit", *arguments, "--run.version", "broken"])
    broken = whole.with_name("broken")
    assert main(["fit", "--ckpt_path", str(broken / "checkpoints" / "last.ckpt")]) == 0
    assert_equal_runs(whole, broken)
    checkpoint = torch.load(whole / "checkpoints" / "last.ckpt", weights_only=True)
    now, average = checkpoint["current_model_state"], checkpoint["state_dict"]
    assert any(not torch.equal(now[name], average[name]) for name in average)
    assert main(["test", "--ckpt_path", str(whole / "checkpoints" / "last.ckpt")]) == 0


@pytest.mark.parametrize("profiler", ["simple", "advanced"])
def test_a_profile_lies_in_the_run_and_is_announced(
    profiler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = tiny_stage(AGENT, tmp_path, "--trainer.profiler", profiler, "--run.version", "x")
    assert main(["fit", *arguments]) == 0
    report = next(tmp_path.glob("*/x/fit-profile.txt"))
    assert "run_training_epoch" in report.read_text()
    assert f"profile: {report}" in capsys.readouterr().out


def test_a_profile_of_no_run_is_printed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    arguments = tiny_stage(AGENT, tmp_path, "--trainer.profiler", "simple", "--trainer.fast_dev_run", "true")
    assert main(["fit", *arguments]) == 0
    assert "run_training_epoch" in caplog.text
    assert not list(tmp_path.rglob("*profile*"))


def test_dataloaders_that_are_made_anew_go_on_with_the_data(tmp_path: Path) -> None:
    for version, options in {"once": [], "anew": ["--trainer.reload_dataloaders_every_n_epochs=1"]}.items():
        assert main(["fit", *tiny_stage(AGENT, tmp_path, *options, "--run.version", version, epochs=2)]) == 0
    once, anew = (next(tmp_path.glob(f"*/{version}/metrics.csv")) for version in ("once", "anew"))
    assert once.read_bytes() == anew.read_bytes()


def test_a_learning_rate_that_was_searched_for_is_used_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finder = callback("LearningRateFinder", "{num_training_steps: 20, early_stop_threshold: null}")
    options = [finder, "--model.learning_rate_schedule", "null", "--data.batch_size", "2"]
    assert main(["fit", *tiny_stage(ENCODER, tmp_path, *options, "--run.version", "x", epochs=20)]) == 0
    rate = float(capsys.readouterr().out.partition("LearningRateFinder chose --model.optimizer.lr ")[2].split()[0])
    checkpoint = torch.load(next(tmp_path.glob("*/x/checkpoints/last.ckpt")), weights_only=True)
    assert checkpoint["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(rate, rel=1e-2)
