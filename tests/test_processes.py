"""What only whole processes can show: trainings that are killed, and trainings on two processes."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from cli import main
from tests.interruptions import Campaign
from tests.processes import finish, start
from tests.tiny import tiny_autoencoder, tiny_bandit, tiny_encoder, tiny_hidden_state_encoder

#: The agent updates its weights by itself, the encoder leaves that to Lightning; `test_resume.py` has all stages.
STAGES = ("agent", "encoder")
WITH_MEMORY = ["--model.objectives.kaiser.weight", "0.5", "--model.objectives.kaiser.memory_size", "20"]


def tiny_stage(stage: str, root: Path, drawings: Path, epochs: int = 2) -> list[str]:
    """Arguments of `fit` for a stage's small twin; that of the encoder has a memory that outlives its batches."""
    if stage == "agent":
        return tiny_bandit(root, epochs=epochs)
    return [*tiny_encoder(root, drawings, epochs=epochs), *WITH_MEMORY]


@pytest.mark.parametrize(("stage", "kills"), [("agent", 4), ("encoder of states", 3)])
def test_killed_trainings_resume_to_the_same_end(stage: str, kills: int, tmp_path: Path) -> None:
    """Ten kills, two of them while a checkpoint is written; `tests/interruptions.py` does more."""
    shared = Path("/dev/shm")  # another file system, where there is one
    with TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path.parent) as temporary:
        campaign = Campaign(stage, tmp_path, tmp_path, Path(temporary), Random(kills))
        campaign.kills(kills, writing=1)


@pytest.mark.parametrize("stage", STAGES)
def test_two_processes_share_weights_and_not_data(stage: str, tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = tiny_stage(stage, tmp_path, generated_omniglot)
    more = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.callbacks+=tests.rank_probe.RankProbe"]
    output = finish(start("fit", *arguments, *more))
    assert "Warning" not in output, output
    run = next(tmp_path.glob("*/version_0"))
    assert [path.name for path in run.parent.iterdir()] == ["version_0"], "a rank opened a run of its own"
    one, other = (json.loads((run / f"rank_{rank}.json").read_text()) for rank in (0, 1))
    assert one["process"] != other["process"]
    assert one["world"] == other["world"] == 2
    assert one["weights"] == other["weights"]
    assert not set(one["batches"]) & set(other["batches"])
    validation = {name: value for name, value in one["metrics"].items() if name.startswith("val/")}
    assert validation
    assert validation == {name: value for name, value in other["metrics"].items() if name.startswith("val/")}


#: Evaluated by two processes: odd numbers of blocks and drawings, so that one process has more than the other.
EVALUATED: dict[str, Callable[[Path, Path], list[str]]] = {
    "agent": lambda root, _: [*tiny_bandit(root, epochs=1), "--data.test_blocks", "3"],
    "autoencoder": lambda root, drawings: tiny_autoencoder(root, drawings, epochs=1),
    "encoder of drawings": lambda root, drawings: tiny_encoder(root, drawings, epochs=1),
    "encoder of states": lambda root, _: tiny_hidden_state_encoder(root, epochs=1),
}


@pytest.mark.parametrize("stage", EVALUATED)
def test_metrics_of_two_processes_are_those_of_one(stage: str, tmp_path: Path, generated_omniglot: Path) -> None:
    plain = ["--trainer.precision", "32-true", "--trainer.callbacks", "null", "--run.threads", "1"]
    assert main(["fit", *EVALUATED[stage](tmp_path, generated_omniglot), *plain, "--run.version", "x"]) == 0
    run = next(tmp_path.glob("*/x"))
    command = ["test", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]
    assert main(command) == 0
    metrics = run / "metrics.json"
    one = json.loads(metrics.read_text())
    metrics.unlink()
    output = finish(start(*command, "--trainer.devices", "2", "--trainer.strategy", "ddp"))
    assert "Warning" not in output, output
    assert json.loads(metrics.read_text()) == pytest.approx(one, rel=1e-6)
