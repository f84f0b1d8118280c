"""The stages of further tasks: an agent, its harvest, an encoder of its states, and an agent that is keyed by it."""

import json
from pathlib import Path

import numpy as np
import pytest

from cli import main
from tests.tiny import tiny_bandit, tiny_hidden_state_encoder

#: An encoder's network, as `tiny_hidden_state_encoder` makes it.
NETWORK = {"embedding_size": "8", "hidden_layer": "12"}
EMBEDDER = [part for name, size in NETWORK.items() for part in (f"--model.keys.embedder.{name}", size)]
#: The contexts of this task mean something else in every block, so its encoder learns to tell episodes apart.
BY_EPISODE = ["--data.labels", "episode", "--data.per_class", "4", "--data.batch_size", "32"]


@pytest.mark.parametrize(
    ("harvested", "encoder", "options", "keyed"),
    [
        ("water_maze_harvest", "water_maze_hidden_state_encoder", [], "water_maze_encoder"),
        ("contextual_choice_hidden", "hidden_state_encoder_triplet", BY_EPISODE, "contextual_choice_hidden"),
    ],
)
def test_a_harvest_trains_an_encoder_that_keys_a_memory(
    harvested: str, encoder: str, options: list[str], keyed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unplotted = ["--trainer.callbacks", "[]"]
    assert main(["fit", *tiny_bandit(tmp_path, harvested, epochs=1), *unplotted]) == 0
    agent = tmp_path / harvested / "version_0"
    assert main(["predict", "--ckpt_path", str(agent / "checkpoints" / "best.ckpt")]) == 0
    assert (f"configs/{encoder}.yaml" in capsys.readouterr().out) == (not options), (
        "the next command trains the encoder"
    )
    with np.load(agent / "harvest.npz") as harvest:
        assert harvest["cell"].shape[:2] == (8 * 6, 4)  # environments of both blocks, episodes, steps
        assert set(harvest["exposure"].tolist()) == {1, 2}
    training = [*tiny_hidden_state_encoder(tmp_path, encoder, epochs=1), *options, *unplotted]
    assert main(["fit", *training, "--data.harvest", str(agent / "harvest.npz")]) == 0
    stages = {"agent": agent, "keys": tmp_path / encoder / "version_0"}
    start = ["--model.warm_start", "WarmStart", "--model.warm_start.freeze", "true"]
    for name, run in stages.items():
        start += [f"--model.warm_start.{name}", str(run / "checkpoints" / "last.ckpt")]
    root = tmp_path / "keyed"
    assert main(["fit", *tiny_bandit(root, keyed, epochs=1), *unplotted, *EMBEDDER, *start]) == 0
    run = root / keyed / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    assert "test/recall_accuracy" in json.loads((run / "metrics.json").read_text())
