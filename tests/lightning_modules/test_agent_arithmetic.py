"""Trainings by native kernels and by PyTorch: checkpoints go from one to the other, and a run says which it was."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from cli import main
from tests.episodic.native.paths import needs_kernels
from tests.tiny import tiny_bandit

#: Settings that do not depend on the length of the training.
CONSTANT = ["--model.learning_rate_schedule", "null", "--model.loss.entropy_weight.init_args.end", "0.05"]
SWITCHES = {"native": "1", "PyTorch (EPISODIC_NATIVE=0)": "0"}


def weights(run: Path) -> dict[str, Tensor]:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    state: dict[str, Tensor] = checkpoint["state_dict"]
    return {name: value for name, value in state.items() if value.is_floating_point()}


@needs_kernels
@pytest.mark.parametrize("name", SWITCHES)
def test_a_run_says_what_computed_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPISODIC_NATIVE", SWITCHES[name])
    assert main(["fit", *tiny_bandit(tmp_path, epochs=1)]) == 0
    config = tmp_path / "barcode_bandit" / "version_0" / "config.yaml"
    assert f"# arithmetic: {name}" in config.read_text().splitlines()
    assert f"  arithmetic  {name}" in capsys.readouterr().out


@needs_kernels
@pytest.mark.parametrize("first", ["1", "0"])
def test_a_training_goes_on_by_the_other_arithmetic(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPISODIC_NATIVE", first)
    for name, epochs in (("whole", 2), ("parts", 1)):
        assert main(["fit", *tiny_bandit(tmp_path / name, epochs=epochs), *CONSTANT]) == 0
    parts, whole = (tmp_path / name / "barcode_bandit" / "version_0" for name in ("parts", "whole"))
    monkeypatch.setenv("EPISODIC_NATIVE", "10"[int(first)])
    resume = ["fit", "--ckpt_path", str(parts / "checkpoints" / "last.ckpt"), "--trainer.max_epochs", "2"]
    assert main(resume) == 0
    expected = weights(whole)
    for name, value in weights(parts).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)
