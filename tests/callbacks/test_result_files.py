"""The table of regret that the test of an agent leaves, and that no other stage leaves."""

import csv
import json
from pathlib import Path

import pytest

from cli import main
from tests.tiny import CPU, tiny_bandit, tiny_hidden_state_encoder

QUIET = ["--trainer.callbacks", "null", "--trainer.enable_progress_bar", "false"]


def table_of(run: Path) -> Path:
    """The table that a run's test leaves."""
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt"), *CPU]) == 0
    return run / "regret_by_pull.csv"


def test_the_last_pulls_are_the_regrets_of_the_test(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, epochs=1), *QUIET]) == 0
    run = tmp_path / "barcode_bandit" / "version_0"
    assert not (run / "regret_by_pull.csv").exists(), "only a test leaves it"
    path = table_of(run)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["exposure"], row["pull"]) for row in rows] == [(str(x), str(t)) for x in (1, 2) for t in (1, 2, 3, 4)]
    metrics = json.loads((run / "metrics.json").read_text())
    regrets = {(row["exposure"], row["pull"]): float(row["regret"]) for row in rows}
    for x in (1, 2):
        own = [regrets[str(x), str(t)] for t in (1, 2, 3, 4)]
        assert own == sorted(own)
        assert own[-1] == pytest.approx(metrics[f"test/regret_exposure_{x:02d}"], abs=1e-5)
    assert all("pull" not in name for name in metrics)
    before = path.read_bytes()
    assert table_of(run).read_bytes() == before


def test_other_stages_leave_no_table(tmp_path: Path) -> None:
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path, epochs=1), *QUIET]) == 0
    assert not table_of(tmp_path / "hidden_state_encoder" / "version_0").exists()
