"""The configs of the other cores train, resume, test and harvest on a small bandit."""

import json
from pathlib import Path

import numpy as np
import pytest

from cli import main
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
