"""The table of what can be earned with noisy cues."""

from pathlib import Path

import pandas as pd
import pytest

from episodic.tasks import BarcodeBandit
from experiments import noise_ceilings
from experiments.tables.files import csv_path


def test_the_command_writes_a_row_for_each_player(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task = BarcodeBandit(arms=2, contexts=2, exposures=2, pulls=3, vocabulary=4)
    for name, value in {"TASK": task, "BITS": (4,), "NOISE": (0.0, 0.25), "PARTICLES": (4, 64)}.items():
        monkeypatch.setattr(noise_ceilings, name, value)
    assert noise_ceilings.main(["--results", str(tmp_path), "--environments", "6"]) == 0
    table = pd.read_csv(csv_path(tmp_path, "noise_ceilings"))
    assert len(table) == 2 * (2 + 3 * 2)
    exact = table[(table["noise"] == 0.0) & (table["known"] != "no memory")]
    assert exact["mean"].nunique() == 1  # without noise all are the ideal observer
