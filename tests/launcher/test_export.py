"""Shipped encoders: small files of finished runs, and what cannot be made one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
import yaml
from torch import nn

from episodic.checkpoints import EMBEDDER_KEY, describe_embedder, load_embedder, read_checkpoint
from episodic.errors import InputError
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from launcher import export as module
from launcher.export import export, main, rounded
from launcher.exports.provenance import without_places

METRICS = {"test/20way_1shot": 0.8765432, "test/20way_1shot_rotated": 0.9, "test/recall_at_1": 0.5}
PROTOCOL = {
    "class_path": "episodic.drawings.omniglot.protocols.LakeProtocol",
    "init_args": {"validation_alphabets": 5, "classes": None},
}
ARGUMENTS: dict[str, Any] = {"embedding_size": 6, "backbone": "convolutional", "image_size": 28, "channels": 2}


def fake_config(root: Path) -> dict[str, Any]:
    """What the run's `config.yaml` holds, in short."""
    data = {"root": str(root), "cache_dir": "cache", "protocol": PROTOCOL, "batch_size": 64}
    return {
        "seed_everything": 7,
        "trainer": {"max_epochs": 4, "default_root_dir": str(root / "a"), "plugins": [str(root), "kept"]},
        "model": {"class_path": "lightning_modules.omniglot_encoder.OmniglotEncoder", "init_args": {"channels": 2}},
        "data": {"class_path": "datamodules.omniglot.OmniglotDataModule", "init_args": data},
        "run": {"root": "runs", "name": "fake", "version": "version_0", "threads": 2},
        "ckpt_path": None,
    }


def fake_checkpoint() -> dict[str, Any]:
    """A checkpoint with an encoder, its average, which is the one to be used, a classifier and an optimiser."""
    torch.manual_seed(0)
    raw, average = OmniglotEmbedder(**ARGUMENTS), OmniglotEmbedder(**ARGUMENTS)
    average(torch.rand(4, 1, 28, 28))  # statistics of its own
    prefix = "average.module.network."
    return {
        "state_dict": {
            **{f"network.{name}": value for name, value in raw.state_dict().items()},
            **{f"{prefix}{name}": value for name, value in average.state_dict().items()},
            "average.n_averaged": torch.tensor(9),
            "average.module.classifier.weight": torch.ones(50, 6),
        },
        "optimizer_states": [{"state": {0: torch.ones(1000)}}],
        EMBEDDER_KEY: describe_embedder(average, prefix),
        "epoch": 3,
        "global_step": 1234,
        "pytorch-lightning_version": "2.6.0",
    }


def fake_run(folder: Path, checkpoint: dict[str, Any] | None = None, metrics: object = METRICS) -> Path:
    """A run that was trained and tested, as far as its files go."""
    run = folder / "fake" / "version_0"
    (run / "checkpoints").mkdir(parents=True)
    torch.save(fake_checkpoint() if checkpoint is None else checkpoint, run / "checkpoints" / "best.ckpt")
    (run / "config.yaml").write_text("# pytorch_lightning==2.6.0\n" + yaml.safe_dump(fake_config(folder)))
    (run / "metrics.json").write_text(json.dumps(metrics))
    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return fake_run(tmp_path / "runs")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "shipped" / "small.ckpt"


def stored(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


# ----------------------------------------------------------------------------------------- what is written


def test_the_chosen_weights_alone_are_kept_and_halved(run: Path, target: Path) -> None:
    export(run, target)
    before, after = read_checkpoint(run / "checkpoints" / "best.ckpt"), stored(target)
    assert set(after) == {"state_dict", EMBEDDER_KEY, "provenance"}
    assert after[EMBEDDER_KEY] == before[EMBEDDER_KEY]
    chosen = "average.module.network."
    assert set(after["state_dict"]) == {name for name in before["state_dict"] if name.startswith(chosen)}
    for name, value in after["state_dict"].items():
        original = before["state_dict"][name]
        assert value.dtype == (torch.float16 if original.is_floating_point() else original.dtype), name
        # Half precision keeps eleven bits; below 2^-14 it keeps the place of the last one, 2^-24.
        torch.testing.assert_close(value.to(original.dtype), original, rtol=2**-11, atol=2**-25)


def test_it_loads_in_single_precision_and_embeds_alike(run: Path, target: Path) -> None:
    export(run, target)
    small, large = load_embedder(target), load_embedder(run / "checkpoints" / "best.ckpt")
    assert {value.dtype for value in small.state_dict().values()} == {torch.float32, torch.int64}
    assert not small.training
    drawings = torch.rand(5, 1, 40, 40)
    cosines = (small.embed(drawings) * large.embed(drawings)).sum(dim=1)
    assert cosines.min() > 0.999
    assert not torch.equal(small.embed(drawings), large.embed(drawings))


def test_single_precision_keeps_every_bit(run: Path, target: Path) -> None:
    export(run, target, precision=32)
    before, after = read_checkpoint(run / "checkpoints" / "best.ckpt")["state_dict"], stored(target)["state_dict"]
    assert all(torch.equal(value, before[name]) and value.dtype == before[name].dtype for name, value in after.items())
    assert stored(target)["provenance"]["precision"] == 32


def test_an_autoencoder_keeps_its_decoder(tmp_path: Path, target: Path) -> None:
    network = ConvolutionalAutoencoder(latent_size=4, channels=2)
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    content = {"state_dict": weights, EMBEDDER_KEY: describe_embedder(network, "network.")}
    export(fake_run(tmp_path / "runs", content, {"test/reconstruction_mse": 0.25}), target)
    loaded, drawings = load_embedder(target), torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(loaded(drawings), network.eval()(drawings), atol=0.01, rtol=0)
    assert "not turned" in target.with_suffix(".md").read_text()


def test_an_encoder_of_hidden_states_has_a_card_of_its_own(tmp_path: Path, target: Path) -> None:
    torch.manual_seed(0)
    network = HiddenStateEmbedder(5, embedding_size=6, hidden_layer=7, recurrent=True)
    network.embed_all(torch.randn(9, 3, 5))  # statistics of its own
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    content = {"state_dict": weights, EMBEDDER_KEY: describe_embedder(network, "network.")}
    run = fake_run(tmp_path / "runs", content, {"test/accuracy": 0.25})
    config = fake_config(tmp_path)
    config["data"] = {
        "class_path": "datamodules.hidden_states.HiddenStateDataModule",
        "init_args": {"harvest": str(tmp_path / "harvest.npz"), "state": "hidden"},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    export(run, target)
    loaded, states = load_embedder(target), torch.randn(4, 3, 5)
    cosines = (loaded.embed(states) * network.eval().embed(states)).sum(dim=1)
    assert cosines.min() > 0.999
    card = target.with_suffix(".md").read_text()
    for phrase in (
        "embedder.embed(states)  # hidden states [B, 5], or those of episodes [B, T, 5], -> [B, 6]",
        "`HiddenStateEmbedder` (input_size 5, embedding_size 6, hidden_layer 7, layers 1, recurrent True)",
        "| test/accuracy | 0.25 |\n\n## Training",
        "`HiddenStateDataModule` with `state: hidden`",
        "with an agent's harvest at `--data.harvest`",
    ):
        assert phrase in card, phrase
    assert "OMNIGLOT" not in card
    assert "_rotated" not in card
    assert str(tmp_path) not in card


def test_where_it_comes_from_is_in_it(run: Path, target: Path) -> None:
    export(run, target)
    provenance = stored(target)["provenance"]
    assert provenance["metrics"] == METRICS
    assert (provenance["epoch"], provenance["global_step"], provenance["embedding_size"]) == (3, 1234, 6)
    assert provenance["torch"] == torch.__version__
    assert provenance["training_seconds"] is None
    kept = yaml.safe_load(provenance["config"])
    assert kept["run"] == {"threads": 2}
    assert kept["trainer"] == {"max_epochs": 4, "plugins": ["kept"]}
    assert kept["data"]["init_args"] == {"protocol": PROTOCOL, "batch_size": 64}
    assert target.with_suffix(".yaml").read_text() == provenance["config"]


def test_other_readers_find_the_same_weights_beside_it(run: Path, target: Path) -> None:
    export(run, target)
    path = target.with_suffix(".safetensors")
    with safetensors.safe_open(path, framework="pt") as file:
        embedder = json.loads(file.metadata()["embedder"])
    assert embedder["network"] == "OmniglotEmbedder"
    network = OmniglotEmbedder(**embedder["arguments"])
    network.load_state_dict(safetensors.torch.load_file(path))
    drawings = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(network.eval().embed(drawings), load_embedder(target).embed(drawings))


def test_the_card_begins_with_metadata_of_the_hub(run: Path, target: Path) -> None:
    export(run, target)
    _, head, body = target.with_suffix(".md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert (metadata["license"], metadata["datasets"]) == ("mit", ["omniglot"])
    assert metadata["pipeline_tag"] == "image-feature-extraction"
    (result,) = metadata["model-index"][0]["results"]
    assert {metric["name"]: metric["value"] for metric in result["metrics"]} == pytest.approx(METRICS, abs=1e-6)
    assert body.startswith("\n# small\n")
    assert "https://github.com/brendenlake/omniglot) is under the MIT license." in body


def test_the_same_run_gives_the_same_bytes(run: Path, target: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / "small.ckpt"
    sizes = [export(run, path) for path in (target, again)]
    for suffix in (".ckpt", ".md", ".yaml", ".safetensors"):
        assert target.with_suffix(suffix).read_bytes() == again.with_suffix(suffix).read_bytes()
    assert list(sizes[0].values()) == [
        target.with_suffix(s).stat().st_size for s in (".ckpt", ".md", ".yaml", ".safetensors")
    ]


def test_the_card_tells_what_it_is(run: Path, target: Path) -> None:
    export(run, target)
    card = target.with_suffix(".md").read_text()
    for phrase in (
        "# small\n",
        'load_embedder("small")',
        "`OmniglotEmbedder` (embedding_size 6, backbone convolutional, image_size 28, channels 2, views False, "
        "turns 1)",
        "of an `OmniglotEncoder`",
        "-> [B, 6]",
        "| test/20way_1shot | 0.8765 |",
        "`_rotated`",
        "background alphabets, except for 5 that were held out",
        "`protocol: LakeProtocol(validation_alphabets=5)`",
        "Seed 7, epoch 4, 1,234 optimiser steps.",
        f"torch {torch.__version__}",
        "cli.py fit --config episodic/checkpoints/shipped/small.yaml",
        f"{target.stat().st_size:,} bytes",
        target.with_suffix(".yaml").read_text(),
    ):
        assert phrase in card, phrase
    assert "\n/" not in card
    assert str(run.parents[2]) not in card


def test_other_data_speak_for_themselves(tmp_path: Path, target: Path) -> None:
    run = fake_run(tmp_path / "runs")
    config = fake_config(tmp_path)
    config["data"]["class_path"] = "somewhere.MadeUpDataModule"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    export(run, target)
    card = target.with_suffix(".md").read_text()
    assert "Omniglot's background alphabets" not in card
    assert "`MadeUpDataModule` with `" in card
    assert "`protocol: LakeProtocol(validation_alphabets=5)`" in card


def test_a_configuration_without_paths() -> None:
    config = {"data": {"root": "data", "deep": [{"a": "/etc", "b": "~/x", "c": "x/y"}, "/"]}, "run": None, "n": 0.5}
    assert without_places(config) == {"data": {"deep": [{"c": "x/y"}]}, "run": None, "n": 0.5}


# ------------------------------------------------------------------------------------- what is not written


def one_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that fails."""
    assert main(arguments) == 2
    written = capsys.readouterr()
    assert written.out == ""
    line = written.err.strip()
    assert line.startswith("error: ")
    assert "\n" not in line
    return line


def agent(run: Path) -> None:
    torch.save({"state_dict": {"memory.keys": torch.ones(2)}}, run / "checkpoints" / "best.ckpt")


def no_checkpoint(run: Path) -> None:
    (run / "checkpoints" / "best.ckpt").unlink()


def broken_checkpoint(run: Path) -> None:
    (run / "checkpoints" / "best.ckpt").write_bytes(b"PK")


def untested(run: Path) -> None:
    (run / "metrics.json").unlink()


def trained_since(run: Path) -> None:
    os.utime(run / "metrics.json", (1e9, 1e9))


def broken_metrics(run: Path) -> None:
    (run / "metrics.json").write_text('{"test/x": {}}')


def no_config(run: Path) -> None:
    (run / "config.yaml").unlink()


def broken_config(run: Path) -> None:
    (run / "config.yaml").write_text("a: [")


def spoilt(value: float) -> Callable[[Path], None]:
    """Puts a number into the encoder."""

    def spoil(run: Path) -> None:
        content = fake_checkpoint()
        content["state_dict"]["average.module.network.backbone.2.running_var"][1] = value
        torch.save(content, run / "checkpoints" / "best.ckpt")
        os.utime(run / "checkpoints" / "best.ckpt", (1e9, 1e9))

    return spoil


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (agent, "contains no encoder"),
        (no_checkpoint, "has no checkpoints/best.ckpt: `python cli.py fit`"),
        (broken_checkpoint, "is damaged"),
        (untested, "has no metrics.json: run `python cli.py test --ckpt_path "),
        (trained_since, "is older than best.ckpt: `python cli.py test --ckpt_path "),
        (broken_metrics, "metrics.json is damaged"),
        (no_config, "has no config.yaml"),
        (broken_config, "config.yaml cannot be read"),
        (spoilt(1e5), "backbone.2.running_var goes up to 1e+05: half precision ends at 65504, use --precision 32"),
        (spoilt(float("nan")), "backbone.2.running_var holds NaN or infinity"),
        (spoilt(float("inf")), "backbone.2.running_var holds NaN or infinity"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_runs_that_give_no_encoder(
    damage: Callable[[Path], None], complaint: str, run: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(run)
    assert complaint in one_error([str(run), str(target)], capsys)
    assert not target.parent.exists()


def test_the_numbers_that_half_precision_cannot_hold_fit_single(run: Path, target: Path) -> None:
    spoilt(1e5)(run)
    export(run, target, precision=32)
    assert stored(target)["state_dict"]["average.module.network.backbone.2.running_var"][1] == 1e5


def test_the_largest_number_of_half_precision_is_kept() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 65504.0)
    assert rounded(network, "a.", torch.float16)["a.weight"].item() == 65504.0
    nn.init.constant_(network.weight, 65520.0)  # the first that rounds to infinity
    with pytest.raises(InputError, match="goes up to"):
        rounded(network, "a.", torch.float16)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{run}/none", "{target}"], "does not exist: it must be runs/NAME/VERSION"),
        (["{run}/checkpoints/best.ckpt", "{target}"], "does not exist: it must be runs/NAME/VERSION"),
        (["{run}", "{target}.pt"], "must end in .ckpt"),
        (["{run}", "{target}", "--precision", "8"], "precision"),
        (["{run}"], "target"),
        (["{run}", "{target}", "--nonsense"], "nonsense"),
        (["{run}", "{run}/config.yaml/x.ckpt"], "cannot be written"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_that_cannot_work(
    arguments: list[str], complaint: str, run: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(run.rglob("*"))
    given = [argument.format(run=run, target=target) for argument in arguments]
    assert complaint in one_error(given, capsys)
    assert not target.parent.exists()
    assert sorted(run.rglob("*")) == before


def test_a_file_too_large_is_refused(
    run: Path, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = export(run, target)
    monkeypatch.setattr(module, "LARGEST", sizes[target])
    export(run, target, overwrite=True)
    monkeypatch.setattr(module, "LARGEST", sizes[target] - 1)
    line = one_error([str(run), str(target.with_stem("other"))], capsys)
    assert f"would have {sizes[target]:,} bytes: at most {sizes[target] - 1:,}" in line
    assert len(list(target.parent.iterdir())) == 4
    assert "--precision 32" in one_error([str(run), str(target.with_stem("other")), "--precision", "32"], capsys)


@pytest.mark.parametrize("suffix", [".ckpt", ".md", ".yaml", ".safetensors"])
def test_nothing_is_overwritten_unasked(
    suffix: str, run: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = target.with_suffix(suffix)
    there.parent.mkdir()
    there.write_text("precious")
    assert f"{there} already exists: --overwrite" in one_error([str(run), str(target)], capsys)
    assert [path.read_text() for path in target.parent.iterdir()] == ["precious"]
    assert main([str(run), str(target), "--overwrite"]) == 0
    assert sorted(path.suffix for path in target.parent.iterdir()) == [".ckpt", ".md", ".safetensors", ".yaml"]
    assert there.read_bytes() != b"precious"


def test_a_folder_in_the_way_leaves_the_others_alone(
    run: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.with_suffix(".yaml").mkdir(parents=True)
    assert "is a folder" in one_error([str(run), str(target), "--overwrite"], capsys)
    assert [path.suffix for path in target.parent.iterdir()] == [".yaml"]


def test_without_a_card(run: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), str(target), "--no-card"]) == 0
    assert list(target.parent.iterdir()) == [target]
    assert capsys.readouterr().out.startswith(f"{target}: {target.stat().st_size:,} bytes")
    export(run, target, overwrite=True)
    complaint = one_error([str(run), str(target), "--no-card", "--overwrite"], capsys)
    assert "small.md would become outdated" in complaint
