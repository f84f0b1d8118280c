"""The two-step task through all stages: an agent, its harvest, an encoder of it, and the agent with encoded keys."""

from pathlib import Path

from cli import main
from datamodules.harvest_files import read_harvest
from tests.runs import rows
from tests.tiny import tiny_bandit, tiny_hidden_state_encoder

QUIET = ["--trainer.callbacks", "[]"]
SIZES = ["--model.keys.embedder.embedding_size", "8", "--model.keys.embedder.hidden_layer", "12"]


def test_a_harvest_trains_an_encoder_that_makes_the_keys(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, "two_step_harvest", epochs=1), *QUIET]) == 0
    run = tmp_path / "two_step_harvest" / "version_0"
    agent = run / "checkpoints" / "last.ckpt"
    assert main(["predict", "--ckpt_path", str(agent)]) == 0
    harvest = read_harvest(str(run / "harvest.npz"))
    blocks, written, cued = 2 * 4, 8, 4
    assert harvest.cell.shape == (blocks * (written + cued), 1, 50)
    assert harvest.provenance["pulls"] == 1
    assert harvest.cue.shape[1] == 10
    assert sorted(harvest.exposure.unique().tolist())[:2] == [1, 2]
    states = [*tiny_hidden_state_encoder(tmp_path, epochs=1), *QUIET, "--data.harvest", str(run / "harvest.npz")]
    assert main(["fit", *states]) == 0
    encoder = tmp_path / "hidden_state_encoder" / "version_0" / "checkpoints" / "last.ckpt"
    earlier = ["--model.warm_start.agent", str(agent), "--model.warm_start.keys", str(encoder)]
    arguments = [*tiny_bandit(tmp_path, "two_step_encoder", epochs=1), *SIZES, *earlier, *QUIET]
    assert main(["fit", *arguments, "--model.warm_start.freeze", "true"]) == 0
    metrics = rows(tmp_path / "two_step_encoder" / "version_0")[-1]
    assert 0 <= float(metrics["val/recall_accuracy"]) <= 1
