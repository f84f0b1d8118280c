"""A task and a core from files outside the packages run through `fit` and `test` by `class_path` alone.

`docs/how_to/add_a_task.md` and `docs/how_to/add_a_core.md` show the same files.
"""

import json
import sys
from pathlib import Path

import pytest

from cli import main
from tests.tiny import CPU, tiny_bandit

OUTSIDE = Path(__file__).resolve().parent / "outside"

TASK = """
model:
  class_path: EpisodicAgent
  init_args:
    memory:
      class_path: EpisodicMemory
      init_args:
        threshold: 0.99
    loss:
      discount: 0.7
    optimizer:
      class_path: torch.optim.Adam
      init_args:
        lr: 2.0e-2
data:
  class_path: BlockDataModule
  init_args:
    task:
      class_path: corridor.Corridor
      init_args:
        contexts: 2
        length: 1
    blocks_per_epoch: 25
    environments: 64
    val_environments: 32
    test_environments: 64
    test_blocks: 1
"""


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files' folder as a user's own, on the path of modules."""
    monkeypatch.syspath_prepend(str(OUTSIDE))
    for name in ("corridor", "minimal_core"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def run_test(root: Path, name: str) -> dict[str, float]:
    checkpoint = root / name / "version_0" / "checkpoints" / "best.ckpt"
    assert main(["test", "--ckpt_path", str(checkpoint), "--trust", "--trainer.enable_progress_bar", "false"]) == 0
    metrics: dict[str, float] = json.loads((root / name / "version_0" / "metrics.json").read_text())
    return metrics


def test_a_task_of_ones_own_is_learned(tmp_path: Path) -> None:
    config = tmp_path / "corridor.yaml"
    config.write_text(f"seed_everything: 1\ncheckpoint: {{monitor: val/reward, mode: max}}{TASK}")
    arguments = ["--config", str(config), "--run.root", str(tmp_path), "--trainer.max_epochs", "2", *CPU]
    assert main(["fit", *arguments, "--data.task.steps", "4"]) == 0
    metrics = run_test(tmp_path, "corridor")
    assert metrics["test/recall_accuracy"] == 1.0
    first, last = metrics["test/reward_exposure_01"], metrics["test/reward_exposure_05"]
    assert 2.5 < first < 3.3  # 4 where the first guess is right, 2 where it is not
    assert 3.8 < last <= 4, "the context was not remembered"
    assert 0 <= metrics["test/distance"] < 0.5


def test_a_core_of_ones_own_plays_and_learns(tmp_path: Path) -> None:
    core = ["--model.core", "minimal_core.LeakyCore", "--model.core.leak", "0.3", "--model.core.hidden_size", "20"]
    assert main(["fit", *tiny_bandit(tmp_path), *core]) == 0
    assert 0 < run_test(tmp_path, "barcode_bandit")["test/reward"] <= 4


def test_the_episodic_gru_is_a_core(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), "--model.core", "EpisodicGRU"]) == 0
    assert 0 < run_test(tmp_path, "barcode_bandit")["test/reward"] <= 4
