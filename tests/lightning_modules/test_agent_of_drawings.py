"""An agent that meets drawings: its encoder comes over from stage 1, stays or learns, and resumes exactly."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from torch import Tensor

from cli import main
from datamodules.omniglot_bandit import OmniglotBanditDataModule
from episodic.checkpoints import load_embedder, read_checkpoint, with_prefix
from episodic.drawings.embedding_cache import embed_table
from lightning_modules.episodic_agent import EpisodicAgent
from tests.lightning_modules.stages import DRAWN, save_drawing_encoder, save_encoder, tiny_shown
from tests.processes import finish, start
from tests.runs import files, one_error, rows, same

LEARNING, CONTIGUITY, HARVEST = "omniglot_bandit_learning", "omniglot_bandit_contiguity", "omniglot_bandit_harvest"
PROJECTED = ["--model.perception.cue_input", "true", "--model.perception.cue_projection", "3"]
BLOCKS, EPISODES, UPDATES = 2, 6, 2  # of the small twins: in an epoch, in a block, after each block


@pytest.fixture(scope="module")
def encoder_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_drawing_encoder(tmp_path_factory.mktemp("encoder") / "encoder.ckpt")


def last(root: Path, version: str = "x") -> Path:
    return next(root.glob(f"omniglot_bandit*/{version}")) / "checkpoints" / "last.ckpt"


def part(checkpoint: Path, prefix: str) -> dict[str, Tensor]:
    return with_prefix(read_checkpoint(checkpoint)["state_dict"], prefix)


def harvest(run: Path) -> dict[str, Any]:
    with np.load(run / "harvest.npz") as found:
        return {name: found[name] for name in found.files if name != "provenance"}


def test_the_encoder_comes_over_to_the_bit_and_is_needed_no_more(
    encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path
) -> None:
    root, encoder = tmp_path / "runs", tmp_path / "encoder.ckpt"
    shutil.copy(encoder_checkpoint, encoder)
    assert main(["fit", *tiny_shown(root, generated_omniglot, encoder)]) == 0
    saved, run = last(root), last(root).parents[1]
    model = yaml.safe_load((run / "config.yaml").read_text())["model"]["init_args"]
    settings = model["perception"]["init_args"]["embedder"]["init_args"]
    assert settings["network"] == "OmniglotEmbedder"
    assert settings["arguments"] == {**DRAWN, "image_size": 28, "views": False, "turns": 1}
    original = dict(load_embedder(encoder_checkpoint).state_dict())
    assert same(part(saved, "cues.network."), original)
    found = []
    for _ in range(2):
        for command in ("test", "predict"):
            assert main([command, "--ckpt_path", str(saved)]) == 0
        found.append(((run / "metrics.json").read_bytes(), harvest(run)))
        encoder.unlink(missing_ok=True)
        for kept in (root / "cache").glob("embeddings-*"):
            kept.unlink()
    assert found[0][0] == found[1][0]
    assert all(np.array_equal(found[0][1][name], found[1][1][name]) for name in found[0][1])
    assert json.loads(found[0][0])["test/reward"] > 0
    assert main(["fit", "--ckpt_path", str(saved), "--trainer.max_epochs", "2"]) == 0
    assert read_checkpoint(saved)["epoch"] == 1
    assert same(part(saved, "cues.network."), original)
    assert same(dict(load_embedder(saved).state_dict()), original)
    loaded = EpisodicAgent.load_from_checkpoint(saved)
    assert loaded.cues.network is not None
    assert same(dict(loaded.cues.network.state_dict()), original)


def test_a_harvest_holds_the_embeddings_that_were_met(
    encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path
) -> None:
    arguments = tiny_shown(tmp_path, generated_omniglot, encoder_checkpoint, HARVEST)
    assert main(["fit", *arguments]) == 0
    assert main(["predict", "--ckpt_path", str(last(tmp_path)), "--data.predict_split", "val"]) == 0
    found = harvest(last(tmp_path).parents[1])
    config = yaml.safe_load((last(tmp_path).parents[1] / "config.yaml").read_text())
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(OmniglotBanditDataModule, "data")
    config["data"]["init_args"]["predict_split"] = "val"
    data = parser.instantiate_classes(parser.parse_object({"data": config["data"]})).data
    data.setup()
    cues = embed_table(load_embedder(encoder_checkpoint), data.part("val").images)
    rows = torch.cat([block.drawings.T.flatten() for block in data.evaluation_blocks("predict")])
    np.testing.assert_allclose(found["cue"], cues[rows], atol=1e-3)
    assert np.array_equal(found["label"], data.part("val").labels[rows])


def test_an_agent_may_build_upon_all_three_earlier_stages(
    encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path
) -> None:
    drawings = tmp_path / "drawings.ckpt"
    shutil.copy(encoder_checkpoint, drawings)
    assert main(["fit", *tiny_shown(tmp_path, generated_omniglot, drawings, HARVEST)]) == 0
    agent, states = tmp_path / "agent.ckpt", save_encoder(tmp_path / "states.ckpt")
    shutil.move(last(tmp_path), agent)
    original = read_checkpoint(agent)["state_dict"]
    keys = [
        "--model.keys.embedder.embedding_size",
        "8",
        "--model.keys.embedder.hidden_layer",
        "12",
        "--model.warm_start.keys",
    ]
    arguments = tiny_shown(tmp_path, generated_omniglot, drawings, "omniglot_bandit_encoder")
    start_from = ["--model.warm_start.agent", str(agent), "--model.warm_start.freeze", "true", "--run.version", "built"]
    assert main(["fit", *arguments, *keys, str(states), *start_from]) == 0
    encoder = dict(load_embedder(states).state_dict())
    for earlier in (drawings, agent, states):
        earlier.unlink()
    saved = last(tmp_path, "built")
    assert main(["test", "--ckpt_path", str(saved)]) == 0
    for prefix in ("agent.core.", "agent.heads.", "agent.projection.", "cues."):
        assert same(part(saved, prefix), with_prefix(original, prefix))
    assert same(part(saved, "agent.memory.embedder."), encoder)
    assert same(dict(load_embedder(saved).state_dict()), encoder), "it is the keys' encoder that is passed on"


BARCODES = [
    "--data.task.cue",
    "barcode",
    "--data.task.bits",
    "12",
    "--data.task.distance",
    "2",
    "--data.task.noise",
    "0.25",
]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--model.perception.embedder", "null"], 28 * 28),
        (["--model.perception.embedder", "null", *BARCODES], 12),
        (["--model.perception.embedder.code", "class_sign", "--model.perception.embedder.noise", "0.25"], 8),
    ],
    ids=["pixels", "barcodes", "class signs"],
)
def test_other_cues_train_too(options: list[str], size: int, tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = [*tiny_shown(tmp_path, generated_omniglot, None), *options, "--model.perception.cue_input", "true"]
    assert main(["fit", *arguments]) == 0
    assert part(last(tmp_path), "agent.")["core.weight"].shape[1] == 2 + 1 + size + 50  # arms, reward, cue, state


def test_an_encoder_that_learns_changes_after_each_block_and_nothing_else_does(
    encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path
) -> None:
    arguments = tiny_shown(tmp_path, generated_omniglot, encoder_checkpoint, LEARNING)
    arguments += ["--model.optimizer.lr", "0"]
    assert main(["fit", *arguments]) == 0
    saved, original = last(tmp_path), load_embedder(encoder_checkpoint).state_dict()
    changed = part(saved, "cues.network.")
    assert changed.keys() == original.keys()
    assert all(not torch.equal(changed[name], original[name]) for name in original)
    checkpoint = read_checkpoint(saved)
    agent, encoder = checkpoint["optimizer_states"]
    assert {int(state["step"]) for state in agent["state"].values()} == {BLOCKS * EPISODES}
    assert {int(state["step"]) for state in encoder["state"].values()} == {BLOCKS * UPDATES}
    assert [schedule["last_epoch"] for schedule in checkpoint["lr_schedulers"]] == [BLOCKS] * 2
    assert part(saved, "learner.objectives.parts.kaiser.")
    assert not part(saved, "agent.memory.store.")
    assert "train/encoder_loss" in rows(saved.parents[1])[0]
    assert same(dict(load_embedder(saved).state_dict()), changed)


def test_the_encoders_learning_rate_follows_its_schedule_to_the_end(tmp_path: Path, generated_omniglot: Path) -> None:
    assert main(["fit", *tiny_shown(tmp_path, generated_omniglot, None, LEARNING, epochs=2)]) == 0
    agents, encoders = torch.load(last(tmp_path), weights_only=True)["optimizer_states"]
    assert agents["param_groups"][0]["lr"] == pytest.approx(0.01 * 1.5e-2)
    assert encoders["param_groups"][0]["lr"] == pytest.approx(0.01 * 2e-3)


def test_the_agents_gradient_is_its_own(tmp_path: Path, generated_omniglot: Path) -> None:
    # With a learning rate of 0 the encoder's loss can be anything: were the agent to feel it, its weights would differ.
    common = [*tiny_shown(tmp_path, generated_omniglot, None, LEARNING), "--model.learner.optimizer.lr", "0"]
    common += ["--model.learner.objectives", '{"softmax": {"weight": 1.0}, "kaiser": {"weight": 0}}', *PROJECTED]
    for version, scale in (("one", "1"), ("two", "30")):
        more = ["--model.learner.objectives.softmax.scale", scale, "--run.version", version]
        assert main(["fit", *common, *more]) == 0
    one, two = (rows(last(tmp_path, version).parents[1]) for version in ("one", "two"))
    assert one[-1]["train/encoder_loss"] != two[-1]["train/encoder_loss"]
    assert same(part(last(tmp_path, "one"), "agent."), part(last(tmp_path, "two"), "agent."))
    assert "projection.weight" in part(last(tmp_path, "one"), "agent.")


def test_validation_goes_by_what_the_encoder_has_become(
    tmp_path: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[dict[str, Tensor]] = []
    log = EpisodicAgent.log_dict

    def noting(self: EpisodicAgent, metrics: dict[str, Tensor], **options: Any) -> None:
        if "val/reward" in metrics:
            found.append({name: value for name, value in metrics.items() if name != "step"})
        log(self, metrics, **options)

    monkeypatch.setattr(EpisodicAgent, "log_dict", noting)
    arguments = tiny_shown(tmp_path, generated_omniglot, None, CONTIGUITY, epochs=2)
    assert main(["fit", *arguments, "--model.perception.cue_input", "true", "--model.learner.optimizer.lr", "0.1"]) == 0
    assert main(["validate", "--ckpt_path", str(last(tmp_path))]) == 0
    assert len(found) == 3
    for name, value in found[2].items():
        torch.testing.assert_close(value, found[1][name], equal_nan=True)


@pytest.mark.parametrize(
    ("config", "arguments", "complaint"),
    [
        (
            "omniglot_bandit",
            ["--data.task.cue", "barcode"],
            "perception.embedder is given, yet the data show no drawings",
        ),
        (
            LEARNING,
            ["--model.memory", "StackMemory"],
            "memory is a StackMemory: a learner from drawings needs an EpisodicMemory",
        ),
        (LEARNING, ["--model.perception.embedder", "null"], "learner.examples are StoredDrawings: perception.embedder"),
        (
            LEARNING,
            ["--model.learner.examples.labels", "episode"],
            "learner.objectives are kaiser: labels 'episode'",
        ),
        ("omniglot_bandit", ["--model.perception.cue_projection", "3"], "cue_projection is 3: without cue_input"),
        (
            "omniglot_bandit",
            ["--model.perception.embedder.arguments", '{"depth": 3}'],
            "arguments do not fit OmniglotEmbedder",
        ),
        ("omniglot_bandit", ["--data.task.contexts", "9"], "contexts is 9: there are only 8 characters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    config: str,
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    generated_omniglot: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fit", *tiny_shown(tmp_path, generated_omniglot, None, config), *arguments]) == 2
    assert complaint in one_error(capsys)
    assert not (tmp_path / config).exists(), "a failed command left a run"


def test_bad_checkpoints_are_one_line(
    encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": {"network.cell.weight": torch.zeros(2)}}, tmp_path / "agent.ckpt")
    network = ["--model.perception.embedder.network"]
    wider = ["--model.perception.embedder.arguments", '{"embedding_size": 9, "channels": 4}']
    cases: list[tuple[Path, list[str], str]] = [
        (tmp_path / "none.ckpt", [], "none.ckpt does not exist, and no shipped encoder has this name"),
        (tmp_path / "none.ckpt", [*network, "OmniglotEmbedder", *wider], "none.ckpt does not exist"),
        (tmp_path / "agent.ckpt", [], "contains no encoder"),
        (save_encoder(tmp_path / "states.ckpt"), [], "perception.embedder.network is 'HiddenStateEmbedder'"),
        (encoder_checkpoint, wider, "contains an encoder with embedding_size"),
        (encoder_checkpoint, [*network, "TwoLayerAutoencoder"], "arguments do not fit TwoLayerAutoencoder"),
    ]
    root = tmp_path / "runs"
    capsys.readouterr()
    for checkpoint, more, complaint in cases:
        assert main(["fit", *tiny_shown(root, generated_omniglot, checkpoint), *more]) == 2
        assert complaint in one_error(capsys), complaint
        assert not (root / "omniglot_bandit").exists(), "a failed command left a run"
    assert all(name.startswith("cache/") for name in files(root))


def test_missing_data_are_one_line(
    tmp_path: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torchvision

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets.Omniglot, "__init__", refuse)
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    arguments = tiny_shown(tmp_path / "runs", generated_omniglot, None)
    assert main(["fit", *arguments, "--data.root", str(tmp_path / "nothing")]) == 2
    assert "OMNIGLOT_ROOT" in one_error(capsys)
    assert not files(tmp_path / "runs")


def test_a_cache_that_cannot_be_written_to_is_one_line(
    encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    arguments = tiny_shown(tmp_path, generated_omniglot, encoder_checkpoint)
    assert main(["fit", *arguments, "--model.perception.embedder.cache_dir", str(tmp_path / "file")]) == 2
    assert "cache_dir of perception.embedder names another folder" in one_error(capsys)
    assert not (tmp_path / "omniglot_bandit").exists()


def test_two_processes_share_the_encoder(encoder_checkpoint: Path, tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = tiny_shown(tmp_path, generated_omniglot, encoder_checkpoint, LEARNING)
    more = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.callbacks+=tests.rank_probe.RankProbe"]
    finish(start("fit", *arguments, *more))
    run = last(tmp_path).parents[1]
    one, other = (json.loads((run / f"rank_{rank}.json").read_text()) for rank in (0, 1))
    assert one["world"] == other["world"] == 2
    assert one["weights"] == other["weights"]
    assert not set(one["batches"]) & set(other["batches"])
    assert not same(part(last(tmp_path), "cues.network."), dict(load_embedder(encoder_checkpoint).state_dict()))
