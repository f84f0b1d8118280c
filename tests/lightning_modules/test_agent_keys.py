"""Stage 4: an agent whose memory keys are made by an encoder of its states, which earlier stages trained."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cli import main
from episodic.checkpoints import classifier_weight, load_embedder, read_checkpoint, with_prefix
from lightning_modules.episodic_agent import EpisodicAgent
from tests.lightning_modules.stages import VOCABULARY, save_encoder, tiny_encoded
from tests.runs import files, one_error, same
from tests.tiny import tiny_bandit, tiny_hidden_state_encoder

EMBEDDER = "agent.memory.embedder."
HIDDEN_40 = ["--model.core", "EpisodicLSTM", "--model.core.hidden_size", "40"]


@pytest.fixture(scope="module")
def agent_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("agent")
    assert main(["fit", *tiny_bandit(root, "barcode_bandit_harvest", epochs=1)]) == 0
    return root / "barcode_bandit_harvest" / "version_0" / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def encoder_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "encoder.ckpt")


def last(root: Path) -> Path:
    return next(root.glob("*/x")) / "checkpoints" / "last.ckpt"


def part(checkpoint: Path, prefix: str) -> dict[str, Tensor]:
    return with_prefix(read_checkpoint(checkpoint)["state_dict"], prefix)


def network(checkpoint: Path) -> dict[str, Tensor]:
    """Core and heads."""
    weights = part(checkpoint, "agent.")
    return {name: value for name, value in weights.items() if name.startswith(("core.", "heads."))}


def test_both_earlier_stages_come_over_to_the_bit_and_are_needed_no_more(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path
) -> None:
    agent, encoder = tmp_path / "agent.ckpt", tmp_path / "encoder.ckpt"
    for copy, original in ((agent, agent_checkpoint), (encoder, encoder_checkpoint)):
        copy.write_bytes(original.read_bytes())
    arguments = [*tiny_encoded(tmp_path / "runs", agent, encoder), "--model.keys.labels", "predicted"]
    assert main(["fit", *arguments]) == 0
    agent.unlink()
    encoder.unlink()
    run = last(tmp_path / "runs").parents[1]
    assert main(["test", "--ckpt_path", str(last(tmp_path / "runs"))]) == 0
    figures = (run / "metrics.json").read_bytes()
    more = ["--trainer.max_epochs", "2"]
    assert main(["fit", "--ckpt_path", str(last(tmp_path / "runs")), *more]) == 0
    saved = last(tmp_path / "runs")
    assert read_checkpoint(saved)["epoch"] == 1
    assert same(network(saved), network(agent_checkpoint))
    assert same(part(saved, EMBEDDER), load_embedder(encoder_checkpoint).state_dict())
    assert same(part(saved, "classifier.")["weight"], classifier_weight(encoder_checkpoint))
    assert same(load_embedder(saved).state_dict(), part(saved, EMBEDDER))
    assert main(["test", "--ckpt_path", str(saved)]) == 0
    assert (run / "metrics.json").read_bytes() == figures, "nothing was to learn"
    assert json.loads(figures)["test/reward"] > 0
    loaded = EpisodicAgent.load_from_checkpoint(saved)
    assert loaded.agent.memory is not None
    assert loaded.agent.memory.embedder is not None
    assert same(dict(loaded.agent.memory.embedder.state_dict()), part(saved, EMBEDDER))


def test_an_encoder_of_cues_is_trained_on_a_harvest_and_makes_keys(agent_checkpoint: Path, tmp_path: Path) -> None:
    assert main(["predict", "--ckpt_path", str(agent_checkpoint)]) == 0
    harvest = ["--data.harvest", str(agent_checkpoint.parents[1] / "harvest.npz"), "--data.state", "cue"]
    fit = ["fit", *tiny_hidden_state_encoder(tmp_path / "cues", epochs=1), "--run.version", "x"]
    assert main([*fit, *harvest]) == 0
    encoder = last(tmp_path / "cues")
    assert main(["test", "--ckpt_path", str(encoder)]) == 0
    arguments = [*tiny_encoded(tmp_path / "runs", agent_checkpoint, encoder), "--model.keys.source", "context"]
    assert main(["fit", *arguments]) == 0
    assert main(["test", "--ckpt_path", str(last(tmp_path / "runs"))]) == 0
    assert part(last(tmp_path / "runs"), EMBEDDER)["input_norm.running_mean"].shape == (10,)


def test_weights_that_have_moved_on_are_not_overwritten_by_a_resume(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path
) -> None:
    arguments = tiny_encoded(tmp_path, agent_checkpoint, encoder_checkpoint)
    arguments += ["--model.warm_start.freeze", "false"]
    assert main(["fit", *arguments]) == 0
    moved = network(last(tmp_path))
    assert not torch.equal(moved["core.weight"], network(agent_checkpoint)["core.weight"])
    still = ["--trainer.max_epochs", "2", "--model.optimizer.lr", "0"]
    assert main(["fit", "--ckpt_path", str(last(tmp_path)), *still]) == 0
    assert same(network(last(tmp_path)), moved)


def test_bad_checkpoints_are_one_line(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = save_encoder(tmp_path / "few.ckpt", classes=VOCABULARY - 1)
    (tmp_path / "damaged.ckpt").write_bytes(encoder_checkpoint.read_bytes()[:2000])
    predicted, context = ["--model.keys.labels", "predicted"], ["--model.keys.source", "context"]
    cases: list[tuple[Path, Path, list[str], str]] = [
        (agent_checkpoint, tmp_path / "damaged.ckpt", [], "is damaged"),
        (agent_checkpoint, agent_checkpoint, [], "contains no encoder"),
        (agent_checkpoint, encoder_checkpoint, context, "size 50: here input_size is 10"),
        (agent_checkpoint, few, predicted, "contains a classifier of [49, 8] [classes, embedding]: here it is [50, 8]"),
        (encoder_checkpoint, encoder_checkpoint, [], "contains no agent"),
        (agent_checkpoint, encoder_checkpoint, HIDDEN_40, "core.weight of [250, 63]: here it is [200, 53]"),
    ]
    for agent, encoder, more, complaint in cases:
        assert main(["fit", *tiny_encoded(tmp_path / "runs", agent, encoder), *more]) == 2
        assert complaint in one_error(capsys)
        assert not files(tmp_path / "runs"), "a failed command left files"
