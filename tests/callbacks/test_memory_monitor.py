"""The plots that a memory's monitor leaves in a run's folder and in TensorBoard."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.memory_monitor import MemoryMonitor
from cli import main
from episodic.errors import InputError
from tests.tiny import tiny_bandit

MONITOR = "--trainer.callbacks+=callbacks.memory_monitor.MemoryMonitor"
PICTURES = {"memory_map.png", "memory_recall.png", "memory_similarity.png"}


def tags(run: Path) -> tuple[set[str], set[str]]:
    """Pictures and projected tensors in a run's TensorBoard files."""
    images: set[str] = set()
    for events in run.glob("events.out.tfevents.*"):
        images |= set(EventAccumulator(str(events)).Reload().Tags()["images"])
    return images, {path.parent.name for path in run.glob("*/*/metadata.tsv")}


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A run that was trained and tested with a monitor, and the pictures that training alone left."""
    root = tmp_path_factory.mktemp("runs")
    options = ["--trainer.callbacks.validation=true", "--trainer.callbacks.environment=2"]
    assert main(["fit", *tiny_bandit(root, epochs=1), MONITOR, *options]) == 0
    run = root / "barcode_bandit" / "version_0"
    after_training = tags(run)[0]
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    return run, after_training


def test_validation_sends_the_quick_pictures_to_tensorboard(monitored: tuple[Path, set[str]]) -> None:
    assert {name for name in monitored[1] if "memory" in name} == {
        "figures/memory_similarity_val",
        "figures/memory_recall_val",
    }


def test_test_leaves_pictures_and_the_projector(monitored: tuple[Path, set[str]]) -> None:
    run, _ = monitored
    assert {path.name for path in (run / "figures").glob("memory_*")} == PICTURES
    images, projected = tags(run)
    assert {f"figures/{Path(name).stem}" for name in PICTURES} <= images
    assert projected == {"memory_keys", "memory_values"}
    rows = next(run.glob("*/memory_keys/metadata.tsv")).read_text().splitlines()
    assert rows[0] == "label\tbest arm"
    assert [row.split("\t")[0] for row in rows[1:]] == ["0", "0", "1", "1", "2", "2"]


def test_an_agent_without_memory_gets_no_pictures(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, "barcode_bandit_l2rl", epochs=1), MONITOR]) == 0
    run = tmp_path / "barcode_bandit_l2rl" / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert (run / "figures" / "reward_by_exposure.png").is_file()
    assert not list(run.glob("figures/memory_*"))


def test_a_missing_environment_is_refused_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), MONITOR, "--trainer.callbacks.environment=4"]) == 2
    assert "environment is 4: a test block has 4 environments, 0 to 3" in capsys.readouterr().err


def test_a_negative_environment_is_refused() -> None:
    with pytest.raises(InputError, match=r"^environment is -2: environments are numbered from 0$"):
        MemoryMonitor(environment=-2)
