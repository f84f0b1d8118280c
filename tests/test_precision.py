"""Every stage runs every command in every precision that it accepts, and refuses the others before it trains."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cli import main
from episodic.checkpoints import load_embedder
from launcher.export import example_input
from launcher.export import main as export
from tests.runs import one_error
from tests.tiny import tiny_autoencoder, tiny_bandit, tiny_encoder, tiny_hidden_state_encoder, tiny_omniglot_bandit

STAGES: dict[str, Callable[[Path, Path], list[str]]] = {
    "agent": lambda root, _: tiny_bandit(root, epochs=1),
    "agent with a learner": lambda root, _: tiny_bandit(root, "barcode_bandit_encoder_online", epochs=1),
    "agent of drawings": lambda root, drawings: tiny_omniglot_bandit(root, drawings, epochs=1),
    "autoencoder": lambda root, drawings: tiny_autoencoder(root, drawings, epochs=1),
    "encoder of drawings": lambda root, drawings: tiny_encoder(root, drawings, epochs=1),
    "encoder of states": lambda root, _: tiny_hidden_state_encoder(root, epochs=1),
    "recurrent encoder": lambda root, _: tiny_hidden_state_encoder(root, "hidden_state_encoder_recurrent", epochs=1),
}
WEIGHTS = {"64-true": torch.float64, "bf16-mixed": torch.float32}
NO_PICTURES = ["--trainer.callbacks", "null", "--run.threads", "1"]
Trained = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Trained:
    """Train a stage in a precision, once; the run's folder."""
    runs: dict[tuple[str, str], Path] = {}

    def run(stage: str, precision: str) -> Path:
        if (stage, precision) not in runs:
            root = tmp_path_factory.mktemp("precision")
            arguments = [*STAGES[stage](root, generated_omniglot), *NO_PICTURES, "--trainer.precision", precision]
            assert main(["fit", *arguments, "--run.version", "x"]) == 0
            runs[stage, precision] = next(root.glob("*/x"))
        return runs[stage, precision]

    return run


@pytest.mark.parametrize("command", ["fit", "test", "predict"])  # a validation is part of a fit
@pytest.mark.parametrize("precision", WEIGHTS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_a_command_in_a_precision(
    stage: str, precision: str, command: str, trained: Trained, tmp_path: Path
) -> None:
    last = trained(stage, precision) / "checkpoints" / "last.ckpt"
    if command == "fit":  # a copy: the other commands go on from the first epoch
        last = Path(shutil.copytree(last.parents[1], tmp_path / "copied" / "x")) / "checkpoints" / "last.ckpt"
        assert main(["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "2"]) == 0
        weights = torch.load(last, weights_only=True)["state_dict"].values()
        assert {value.dtype for value in weights if value.is_floating_point()} == {WEIGHTS[precision]}
        return
    assert main([command, "--ckpt_path", str(last.with_name("best.ckpt"))]) == 0
    if command == "test" and stage not in ("agent", "agent of drawings"):
        network = load_embedder(last)
        assert network.embed(example_input(network)).dtype == torch.float32
        assert export([str(last.parents[1]), str(tmp_path / "encoder.ckpt")]) == 0


def test_an_unknown_type_of_numbers_is_written_in_single_precision(trained: Trained) -> None:
    run = trained("autoencoder", "bf16-mixed")
    assert main(["predict", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    with np.load(run / "predictions.npz") as predictions:
        assert predictions["embedding"].dtype == np.float32


@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "transformer-engine"])
def test_other_precisions_are_refused_before_training(
    precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), "--trainer.precision", precision]) == 2
    assert "32-true, 64-true, bf16-mixed, 16-mixed" in one_error(capsys)
    assert not list(tmp_path.rglob("*"))


def test_sixteen_bits_on_a_cpu_are_those_of_bfloat16(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*tiny_bandit(tmp_path, epochs=1), *NO_PICTURES, "--trainer.precision", "16"]
    assert main(["fit", *arguments]) == 0
    assert "16-mixed needs a GPU: this CPU computes in bf16-mixed" in capsys.readouterr().err


@pytest.mark.parametrize("config", ["barcode_bandit", "barcode_bandit_encoder_online"])
def test_a_gradient_scaler_goes_with_clipping(config: str, tmp_path: Path) -> None:
    plugin = "{class_path: pytorch_lightning.plugins.MixedPrecision, init_args: {precision: 16-mixed, device: cpu}}"
    arguments = [*tiny_bandit(tmp_path, config, epochs=1), *NO_PICTURES, f"--trainer.plugins=[{plugin}]"]
    assert main(["fit", *arguments, "--run.version", "x"]) == 0
    checkpoint = torch.load(next(tmp_path.glob("*/x/checkpoints/last.ckpt")), weights_only=True)
    assert checkpoint["MixedPrecision"]["scale"] > 1
    assert not checkpoint["optimizer_states"][0]["param_groups"][0]["fused"]
    assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())
