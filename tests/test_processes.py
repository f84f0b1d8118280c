"""What only whole processes can show: trainings that are killed, and trainings on two processes."""

import json
import os
from pathlib import Path

import pytest
import torch

from tests.processes import finish, kill_after_first_checkpoint, start
from tests.runs import assert_equal_runs
from tests.tiny import tiny_bandit, tiny_encoder

#: How often each training is killed; three for the figures in the docs.
KILLS = int(os.environ.get("KILLS", "1"))
#: The agent updates its weights by itself, the encoder leaves that to Lightning; `test_resume.py` has all stages.
STAGES = ("agent", "encoder")
#: Epochs that leave time to be killed in.
EPOCHS = {"agent": 30, "encoder": 10}
WITH_MEMORY = ["--model.objectives.kaiser.weight", "0.5", "--model.objectives.kaiser.memory_size", "20"]


def tiny_stage(stage: str, root: Path, drawings: Path, epochs: int = 2) -> list[str]:
    """Arguments of `fit` for a stage's small twin; that of the encoder has a memory that outlives its batches."""
    if stage == "agent":
        return tiny_bandit(root, epochs=epochs)
    return [*tiny_encoder(root, drawings, epochs=epochs), *WITH_MEMORY]


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_training_resumes_to_the_same_end(stage: str, tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = tiny_stage(stage, tmp_path, generated_omniglot, EPOCHS[stage])
    arguments += ["--data.environments", "8"] if stage == "agent" else []
    finish(start("fit", *arguments, "--run.version", "whole"))
    whole = next(tmp_path.glob("*/whole"))
    broken = whole.with_name("broken")
    last = broken / "checkpoints" / "last.ckpt"
    process = start("fit", *arguments, "--run.version", "broken")
    for _ in range(KILLS):
        kill_after_first_checkpoint(process, last, within=0.3)
        reached = torch.load(last, weights_only=True)["epoch"]
        assert reached < EPOCHS[stage] - 1, "killed too late to show anything"
        process = start("fit", "--ckpt_path", str(last))
    finish(process)
    assert_equal_runs(whole, broken)


@pytest.mark.parametrize("stage", STAGES)
def test_two_processes_share_weights_and_not_data(stage: str, tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = tiny_stage(stage, tmp_path, generated_omniglot)
    more = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.callbacks+=tests.rank_probe.RankProbe"]
    finish(start("fit", *arguments, *more))
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
