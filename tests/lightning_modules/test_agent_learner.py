"""An encoder that learns while its agent plays: what it learns from, what it changes, and that it resumes exactly."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cli import main
from episodic.checkpoints import load_embedder, read_checkpoint, with_prefix
from episodic.objectives import Objectives, TripletConfig
from tests.lightning_modules.stages import save_encoder, tiny_encoded
from tests.processes import finish, start
from tests.runs import files, one_error, rows, same
from tests.tiny import tiny_bandit

ONLINE = "barcode_bandit_encoder_online"
EMBEDDER = "agent.memory.embedder."


@pytest.fixture(scope="module")
def encoder_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "encoder.ckpt")


@pytest.fixture(scope="module")
def agent_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("agent")
    assert main(["fit", *tiny_bandit(root, "barcode_bandit_harvest", epochs=1)]) == 0
    return root / "barcode_bandit_harvest" / "version_0" / "checkpoints" / "last.ckpt"


def part(checkpoint: Path, prefix: str) -> dict[str, Tensor]:
    return with_prefix(read_checkpoint(checkpoint)["state_dict"], prefix)


def network(checkpoint: Path) -> dict[str, Tensor]:
    """Core and heads."""
    weights = part(checkpoint, "agent.")
    return {name: value for name, value in weights.items() if name.startswith(("core.", "heads."))}


def last(root: Path, version: str = "x") -> Path:
    return next(root.glob(f"*/{version}")) / "checkpoints" / "last.ckpt"


def test_only_the_encoder_changes_where_the_network_is_frozen(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path
) -> None:
    assert main(["fit", *tiny_encoded(tmp_path, agent_checkpoint, encoder_checkpoint, ONLINE)]) == 0
    saved, start_from = last(tmp_path), load_embedder(encoder_checkpoint).state_dict()
    assert same(network(saved), network(agent_checkpoint))
    changed = part(saved, EMBEDDER)
    assert all(not torch.equal(changed[name], start_from[name]) for name in start_from)
    steps = 2 * 6 // 2  # blocks, episodes, every
    states = read_checkpoint(saved)["optimizer_states"]
    assert not states[0]["state"]
    assert {int(state["step"]) for state in states[1]["state"].values()} == {steps}
    assert {"train/encoder_loss", "train/encoder_accuracy"} <= set(rows(saved.parents[1])[0])
    assert main(["test", "--ckpt_path", str(saved)]) == 0


def test_an_encoder_of_cues_learns_from_the_cues_that_the_memory_holds(tmp_path: Path) -> None:
    start = save_encoder(tmp_path / "cues.ckpt", input_size=10)
    assert main(["fit", *tiny_encoded(tmp_path, None, start, ONLINE), "--model.keys.source", "context"]) == 0
    changed, start_from = part(last(tmp_path), EMBEDDER), load_embedder(start).state_dict()
    assert all(not torch.equal(changed[name], start_from[name]) for name in start_from)
    assert main(["test", "--ckpt_path", str(last(tmp_path))]) == 0


def test_the_classifier_goes_on_where_it_was(encoder_checkpoint: Path, tmp_path: Path) -> None:
    still = ["--model.learner.optimizer.lr", "0", "--model.keys.labels", "predicted"]
    assert main(["fit", *tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE), *still]) == 0
    name = "objectives.parts.softmax.classifier."
    assert same(part(last(tmp_path), f"learner.{name}"), part(encoder_checkpoint, name))
    fresh = save_encoder(tmp_path / "triplet.ckpt", objectives=Objectives(triplet=TripletConfig()))
    assert main(["fit", *tiny_encoded(tmp_path / "fresh", None, fresh, ONLINE)]) == 0


def test_the_agent_learns_as_it_does_beside_a_frozen_encoder(encoder_checkpoint: Path, tmp_path: Path) -> None:
    # With an online learning rate of 0, and no statistics to follow, all that is left is the agent's own learning:
    # a gradient from the encoder's loss into the LSTM would show.
    common = ["--model.learner.optimizer.lr", "0", "--model.memory.threshold", "-1"]
    for version, scale in (("one", "1"), ("two", "30")):
        arguments = [*tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE), *common]
        arguments += ["--model.learner.objectives.softmax.scale", scale, "--run.version", version]
        assert main(["fit", *arguments]) == 0
    one, two = (network(last(tmp_path, version)) for version in ("one", "two"))
    assert same(one, two)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model.learner.trigger.every", "7"], "learner.trigger.every is 7"),
        (["--model.learner.objectives", '{"nosuch": 1.0}'], "Option 'nosuch' is not accepted"),
        (["--model.keys.embedder.classes", "4"], "keys.embedder.classes is 4"),
        (["--model.keys.embedder.recurrent", "true"], "keys.embedder.recurrent is true"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_encoded(tmp_path, None, None, ONLINE), *arguments]) == 2
    assert complaint in one_error(capsys)
    assert not files(tmp_path), "a failed command left files"


def test_two_processes_share_the_encoder(encoder_checkpoint: Path, tmp_path: Path) -> None:
    arguments = tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE)
    more = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.callbacks+=tests.rank_probe.RankProbe"]
    finish(start("fit", *arguments, *more))
    run = last(tmp_path).parents[1]
    one, other = (json.loads((run / f"rank_{rank}.json").read_text()) for rank in (0, 1))
    assert one["world"] == other["world"] == 2
    assert one["weights"] == other["weights"]
    assert not set(one["batches"]) & set(other["batches"])
    assert not same(part(last(tmp_path), EMBEDDER), dict(load_embedder(encoder_checkpoint).state_dict()))
