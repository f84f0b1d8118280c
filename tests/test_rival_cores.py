"""The configs of the other cores train, test and harvest on a small bandit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cli import main
from tests.runs import one_error
from tests.tiny import tiny_bandit

RIVALS = ["barcode_bandit_rl2", "barcode_bandit_gtrxl", "barcode_bandit_lru"]


@pytest.mark.parametrize("config", RIVALS)
def test_a_rival_trains_is_tested_and_harvested(config: str, tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, config, epochs=1), "--trainer.callbacks", "[]"]) == 0
    run = tmp_path / config / "version_0"
    best = ["--ckpt_path", str(run / "checkpoints" / "best.ckpt")]
    assert main(["test", *best]) == 0
    assert 0 < json.loads((run / "metrics.json").read_text())["test/reward"] <= 4
    assert main(["predict", *best]) == 0
    harvest = np.load(run / "harvest.npz")
    assert np.isfinite(harvest["hidden"]).all()
    assert harvest["hidden"].std() > 0


@pytest.mark.parametrize("core", ["GatedTransformerXL", "LinearRecurrentUnit"])
def test_a_memory_beside_a_sequence_core_is_refused(
    core: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), "--model.core", core]) == 2
    error = capsys.readouterr().err.strip()
    assert error.endswith(
        f"core is a {core}, which cannot reinstate a recalled state: set memory to null, or core to EpisodicLSTM"
    )
    assert "\n" not in error


@pytest.mark.parametrize("config", RIVALS)
def test_an_update_learns_from_several_episodes(config: str, tmp_path: Path) -> None:
    command = ["fit", *tiny_bandit(tmp_path, config, epochs=1), "--trainer.callbacks", "[]"]
    assert main([*command, "--model.loss.episodes", "2"]) == 0
    checkpoint = torch.load(tmp_path / config / "version_0" / "checkpoints" / "last.ckpt", weights_only=True)
    blocks = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["completed"]
    assert checkpoint["global_step"] == blocks * 3  # a block has six episodes


def test_episodes_that_do_not_divide_a_block_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, "barcode_bandit_rl2"), "--model.loss.episodes", "4"]) == 2
    assert one_error(capsys).endswith("loss.episodes is 4: it must divide the episodes of a block, 6")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("core", "rate"), [("EpisodicLSTM", 2e-2), ("GatedTransformerXL", 1e-2), ("LinearRecurrentUnit", 1e-2)]
)
def test_a_core_learns_to_name_the_previous_symbol(core: str, rate: float, tmp_path: Path) -> None:
    task = ["--data.task.delay", "1", "--data.task.length", "10", "--data.blocks_per_epoch", "12"]
    sizes = [f"--data.{name}=16" for name in ("environments", "val_environments", "test_environments")]
    training = ["--trainer.max_epochs", "1", "--trainer.callbacks", "[]", "--model.optimizer.lr", str(rate)]
    config = ["--config", "configs/repeat_previous.yaml", "--model.core", core, "--model.core.lasts", "episode"]
    assert main(["fit", *config, *task, *sizes, *training, "--run.root", str(tmp_path)]) == 0
    run = tmp_path / "repeat_previous" / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    assert json.loads((run / "metrics.json").read_text())["test/reward"] > 6  # of 9; chance is 2.25
