"""The command line's contracts, in this process."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from cli import main
from episodic.checkpoints import load_embedder, read_checkpoint
from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.episodic_agent import EpisodicAgent
from tests.runs import files, one_error, rows
from tests.tiny import CONFIGS, tiny, tiny_autoencoder, tiny_bandit, tiny_encoder

FUZZY, STACK = ["--model.memory", "FuzzyMemory"], ["--model.memory", "StackMemory"]


@pytest.fixture(scope="module")
def agent_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_bandit(root)]) == 0
    return root / "barcode_bandit" / "version_0"


@pytest.fixture(scope="module")
def autoencoder_run(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_autoencoder(root, generated_omniglot)]) == 0
    return root / "autoencoder" / "version_0"


@pytest.fixture(scope="module")
def encoder_run(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_encoder(root, generated_omniglot, epochs=1)]) == 0
    return root / "omniglot_encoder" / "version_0"


def test_a_training_leaves_its_files(agent_run: Path) -> None:
    for name in ("config.yaml", "metrics.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt"):
        assert (agent_run / name).is_file(), name
    assert list(agent_run.glob("events.out.tfevents.*"))
    assert {"train/reward", "train/learning_rate", "val/reward", "val/ideal_fraction"} <= set(rows(agent_run)[0])
    assert rows(agent_run)[-1]["step"] == str(2 * 2 * 4 * 6)  # epochs, blocks, environments, episodes


def test_test_validate_and_predict_from_a_checkpoint_alone(agent_run: Path, tmp_path: Path) -> None:
    assert not (agent_run / "validation.json").exists(), "left by the training"
    for command in ("test", "validate", "predict"):
        assert main([command, "--ckpt_path", str(agent_run / "checkpoints" / "best.ckpt")]) == 0
    metrics = json.loads((agent_run / "metrics.json").read_text())
    assert {"test/reward", "test/reward_exposure_01", "test/regret_exposure_02", "test/ideal_fraction"} <= set(metrics)
    assert all(isinstance(value, float) for value in metrics.values())
    validation = json.loads((agent_run / "validation.json").read_text())
    trained = [float(row["val/reward"]) for row in rows(agent_run) if row["val/reward"]]
    assert validation["val/reward"] == pytest.approx(max(trained), abs=1e-4)
    assert not any(name.startswith("test/") for name in validation)
    pictures = {path.stem for path in (agent_run / "figures").glob("*.png")}
    assert pictures == {"regret_by_exposure", "reward_by_exposure", "training_curve", "reinstatement_gate"}
    with np.load(agent_run / "harvest.npz") as harvest:
        assert harvest["hidden"].shape == (8 * 6, 4, 50)  # environments of both blocks, episodes, pulls, H
        assert harvest["label"].shape == (8 * 6,)


def test_a_run_that_was_moved_tests_to_the_same_figures(agent_run: Path, tmp_path: Path) -> None:
    import shutil

    moved = tmp_path / "elsewhere" / "name" / "version"
    shutil.copytree(agent_run, moved)
    figures = []
    for run in (agent_run, moved):
        assert main(["test", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
        figures.append((run / "metrics.json").read_bytes())
    assert figures[0] == figures[1]


def test_the_autoencoder_passes_its_embedding_on(autoencoder_run: Path) -> None:
    checkpoint = autoencoder_run / "checkpoints" / "best.ckpt"
    assert main(["test", "--ckpt_path", str(checkpoint)]) == 0
    metrics = json.loads((autoencoder_run / "metrics.json").read_text())
    assert {"test/reconstruction_mse", "test/pca_mse"} <= set(metrics)
    assert {path.stem for path in (autoencoder_run / "figures").glob("*.png")} == {
        "reconstructions_val",
        "reconstructions_test",
    }
    assert list(autoencoder_run.rglob("sprite.png")), "the projector has no pictures"
    embedder, module = load_embedder(checkpoint), OmniglotAutoencoder.load_from_checkpoint(checkpoint).eval()
    for size in (28, 50, 105):
        drawings = torch.rand(3, 1, size, size)
        assert torch.equal(embedder.embed(drawings), module.embed(drawings))
    assert not any(parameter.requires_grad for parameter in embedder.parameters())
    assert rows(autoencoder_run)[-1]["train/reconstruction_mse"]


def test_a_test_may_choose_another_memory_and_other_data(agent_run: Path, tmp_path: Path) -> None:
    best = ["--ckpt_path", str(agent_run / "checkpoints" / "best.ckpt"), "--run.root", str(tmp_path)]
    others = {
        "stack": [*STACK, "--model.memory.key_update", "mean", "--model.keys.capacity", "3"],
        "fuzzy": [*FUZZY, "--model.memory.clusters", "3"],
        "noise": ["--data.evaluation.noise", "0.4", "--model.memory.threshold", "null"],
        "longer": ["--data.task.exposures", "5", "--data.task.pulls", "7"],
        "urn": ["--data.task.order", "urn", "--data.task.vocabulary", "5"],
    }
    found = {}
    for name, options in others.items():
        assert main(["test", *best, "--run.version", name, *options]) == 0
        found[name] = json.loads((tmp_path / "barcode_bandit" / name / "metrics.json").read_text())
    assert found["stack"]["test/slots_in_use"] == 3
    assert found["stack"]["test/recall_accuracy"] == 1
    assert found["noise"]["test/recall_accuracy"] < 1
    assert found["longer"]["test/slots_in_use"] == 15
    assert "test/reward_exposure_05" in found["longer"]
    config = (agent_run / "config.yaml").read_text()
    assert "sizes: null" in config, "what the data decide has to stay open"


QUERY = "agent.memory.store.query_projection.weight"


def test_a_learned_query_is_trained_saved_and_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model.memory.learned_query", "true", "--model.memory.neighbours", "2"]
    options += ["--model.memory.threshold", "null"]  # two equal keys alone would give no gradient
    assert main(["fit", *tiny_bandit(tmp_path), *options]) == 0
    best = tmp_path / "barcode_bandit" / "version_0" / "checkpoints" / "best.ckpt"
    saved = read_checkpoint(best)["state_dict"]
    assert [name for name in saved if ".store." in name] == [QUERY]
    assert not torch.equal(saved[QUERY], torch.eye(10))
    assert main(["test", "--ckpt_path", str(best)]) == 0
    capsys.readouterr()
    assert main(["test", "--ckpt_path", str(best), "--model.memory.learned_query", "false"]) == 2
    assert f"holds an unknown {QUERY}" in one_error(capsys)


def test_the_agent_loads_by_itself(agent_run: Path) -> None:
    module = EpisodicAgent.load_from_checkpoint(agent_run / "checkpoints" / "best.ckpt")
    assert module.sizes.actions == 2
    assert module.agent.memory is not None
    assert module.agent.memory.store.capacity == 6


def test_a_second_run_takes_the_next_version(agent_run: Path) -> None:
    before = files(agent_run)
    assert main(["fit", *tiny_bandit(agent_run.parents[1], epochs=1)]) == 0
    assert (agent_run.parent / "version_1" / "checkpoints" / "last.ckpt").is_file()
    assert files(agent_run) == before


def test_a_run_is_never_overwritten(agent_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(agent_run)
    assert main(["fit", *tiny_bandit(agent_run.parents[1]), "--run.version", "version_0"]) != 0
    assert "already exists" in one_error(capsys)
    assert files(agent_run) == before


def test_a_checkpoint_from_elsewhere_never_lands_in_another_run(
    agent_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [*tiny_bandit(tmp_path), "--run.version", "taken"]
    assert main(["fit", *place]) == 0
    capsys.readouterr()
    before = files(tmp_path)
    for command in ("fit", "test", "validate", "predict"):
        assert main([command, *place, "--ckpt_path", str(agent_run / "checkpoints" / "last.ckpt")]) == 2
        assert "already exists" in one_error(capsys)
    assert files(tmp_path) == before
    new = [*place[:-1], "branch", "--trainer.max_epochs", "3"]
    assert main(["fit", *new, "--ckpt_path", str(agent_run / "checkpoints" / "last.ckpt")]) == 0
    assert (tmp_path / "barcode_bandit" / "branch" / "checkpoints" / "last.ckpt").is_file()
    assert {name: files(tmp_path)[name] for name in before} == before


def test_the_config_wins_over_the_checkpoint(tmp_path: Path) -> None:
    place = [*tiny_bandit(tmp_path), "--run.version", "x"]
    assert main(["fit", *place]) == 0
    last = tmp_path / "barcode_bandit" / "x" / "checkpoints" / "last.ckpt"
    more = ["--trainer.max_epochs", "3", "--model.optimizer.lr", "0.5", "--model.learning_rate_schedule", "null"]
    assert main(["fit", "--ckpt_path", str(last), *more]) == 0
    resumed = torch.load(last, weights_only=True)
    assert resumed["epoch"] == 2
    assert resumed["optimizer_states"][0]["param_groups"][0]["lr"] == 0.5
    assert (last.parents[1] / "config_before_resume_0.yaml").is_file()


def test_a_relative_root_keeps_the_best_over_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = tiny_bandit(Path("runs"))
    assert main(["fit", *arguments]) == 0
    last = Path("runs/barcode_bandit/version_0/checkpoints/last.ckpt")
    before = best_score(last)
    assert main(["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "4", "--data.val_environments", "1"]) == 0
    assert best_score(last) >= before


def best_score(checkpoint: Path) -> float:
    """The best validation figure that a checkpoint knows of."""
    states = torch.load(checkpoint, weights_only=True)["callbacks"]
    return float(next(state["best_model_score"] for name, state in states.items() if name.startswith("RunCheckpoint")))


def test_the_last_checkpoint_can_be_named_by_word(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path)]) == 0
    assert main(["fit", *tiny_bandit(tmp_path, epochs=3), "--ckpt_path", "last"]) == 0
    run = tmp_path / "barcode_bandit" / "version_0"
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 2
    assert main(["test", *tiny_bandit(tmp_path)]) == 0
    assert (run / "metrics.json").is_file()
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]


def drawn(configs: list[Path]) -> dict[str, Path]:
    """The first config of each module and its plots: to draw them once is enough."""
    first: dict[str, Path] = {}
    for config in configs:
        content = yaml.safe_load(config.read_text())
        first.setdefault(f"{content['model']['class_path']} {content['trainer']['callbacks']}", config)
    return first


DRAWN = drawn(CONFIGS).values()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_every_config_trains_and_tests(config: Path, tmp_path: Path, generated_omniglot: Path) -> None:
    plain = [] if config in DRAWN else ["--trainer.callbacks", "[]"]
    assert main(["fit", *tiny(config, tmp_path, generated_omniglot, epochs=1), *plain]) == 0
    assert main(["test", "--ckpt_path", str(tmp_path / config.stem / "version_0" / "checkpoints" / "last.ckpt")]) == 0


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_every_config_parses_as_it_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", str(config), "--print_config"]) == 0
    assert "class_path" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--model.class_path", "NoSuch"],
            "NoSuch is not a known class: it may be EpisodicAgent, HiddenStateEncoder, OmniglotAutoencoder",
        ),
        (["--model.nosuch", "3"], "'nosuch' is not accepted"),
        (["--nosuch", "3"], "unrecognized arguments: --nosuch"),
        (["--keys.source", "hidden"], "did you mean model.keys.source?"),
        (["--task.bits", "20"], "did you mean data.task.bits?"),
        (["--model.core.hidden_size", "-5"], "hidden_size is -5"),
        (["--model.core.hidden_size", "many"], "hidden_size"),
        (["--model.loss.discount", "1.5"], "discount is 1.5"),
        (["--model.memory.kernel", "dot"], "kernel is 'dot': it must be one of cosine, l2, l1"),
        (["--model.memory.threshold", "3"], "threshold is 3.0"),
        ([*STACK, "--model.memory.update", "newest"], "update is 'newest': it must be one of latest, average, mean"),
        (["--model.memory.key_update", "mean"], "'key_update' is not accepted"),
        (["--model.memory.learned_query", "true"], "learned_query is true"),
        (["--model.keys.source", "hidden"], "the core does not see the cue"),
        (["--model.keys.embedder.layers", "1", "--model.memory", "null"], "memory is null"),
        (["--model.learner.rekey", "true"], "learner.examples are StoredStates"),
        (["--model.warm_start.freeze", "true"], "warm_start.agent must name"),
        (["--model.core", "nosuch.Core"], "nosuch"),
        (
            ["--model.memory.weighting", "even"],
            "weighting is 'even': it must be one of softmax, inverse_",
        ),
        (
            ["--model.keys.source", "cue"],
            "keys.source is 'cue': it must be one of context, input, hidden, label",
        ),
        (["--model.keys.stored", "all"], "keys.stored is 'all': with source 'context'"),
        (["--model.keys.capacity", "0"], "capacity is 0"),
        ([*FUZZY, "--model.memory.clusters", "7"], "clusters is 7: it must be at most the capacity, 6"),
        ([*FUZZY, "--model.memory.fuzziness", "0.5"], "fuzziness is 0.5"),
        ([*FUZZY, "--model.memory.kernel", "l1", "--model.memory.threshold", "null"], "kernel is 'l1'"),
        (["--data.task.noise", "1.5"], "noise is 1.5: it must lie between 0 and 1"),
        (["--data.evaluation.noise", "-1"], "noise is -1"),
        (["--data.task.noise_kind", "top"], "noise_kind is 'top': it must be one of random, left, right, center"),
        (["--data.task.clusters", "2", "--data.task.cluster_separation", "11"], "impossible Hamming separation"),
        (["--data.task.clusters", "2", "--data.task.cluster_spread", "4"], "it must exceed cluster_spread, 4"),
        (["--data.task.vocabulary", "2"], "vocabulary is 2: it must be at least the number of contexts, 3"),
        (["--data.task.vocabulary", "2000"], "bits is 10: that gives 1023 barcodes"),
        (["--data.task.order", "queue"], "order is 'queue': it must be one of bag, urn"),
        (["--data.task.concentration", "0"], "concentration is 0.0"),
        (
            [
                "--model.sizes",
                '{"actions": 7, "observation_size": 0, "cue_size": 10, "label_count": 3, "steps": 4, "episodes": 6}',
            ],
            "sizes.actions is 7: the data's is 2",
        ),
        (["--data.task.arms", "9"], "every_arm_best needs arms <= contexts"),
        (["--data.environments", "0"], "environments is 0"),
        (["--data.task.bits", "1"], "bits is 1"),
        (["--data.task.best", "1.2"], "best is 1.2"),
        (["--trainer.max_epochs", "-7"], "max_epochs"),
        (["--checkpoint.monitor", "val/nothing"], "val/nothing"),
        (["--run.version", "a/b"], "is not a valid folder name"),
        (["--ckpt_path", "last"], "nothing to resume"),
        (["--ckpt_path", "none.ckpt"], "nothing to resume"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), *arguments]) == 2
    assert complaint in one_error(capsys)
    assert not files(tmp_path), "a failed command left files"


@pytest.mark.parametrize("command", [[], ["nosuch"], ["fit"], ["fit", "--config", "none.yaml"], ["test"]])
def test_a_command_that_is_not_whole_is_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    one_error(capsys)


class RunsCode:
    """Pickled, it would make a folder where it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("damaged", "is damaged"),
        ("code", "holds more than tensors and plain data"),
        ("pickle", "checkpoint"),
        ("foreign", "is not one of this EpisodicAgent"),
        ("other width", "agent.core.weight is"),
        ("other stage", "is not one of this EpisodicAgent"),
    ],
)
def test_bad_checkpoints_are_one_line(
    kind: str,
    complaint: str,
    agent_run: Path,
    autoencoder_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad, trap = agent_run / "checkpoints" / "last.ckpt", tmp_path / "bad.ckpt", tmp_path / "trap"
    arguments: list[str] = []
    if kind == "damaged":
        bad.write_bytes(good.read_bytes()[:3000])
    elif kind == "code":
        torch.save({"state_dict": {}, "more": RunsCode(trap)}, bad)
    elif kind == "pickle":
        bad.write_bytes(pickle.dumps(RunsCode(trap)))
    elif kind == "foreign":
        torch.save({"state_dict": {"weight": torch.zeros(2)}}, bad)
    else:
        bad = good if kind == "other width" else autoencoder_run / "checkpoints" / "last.ckpt"
        arguments = ["--model.core.hidden_size", "20"]
    before = files(agent_run)
    for command in ("fit", "test"):
        assert main([command, *tiny_bandit(tmp_path / "runs"), *arguments, "--ckpt_path", str(bad)]) == 2
        assert complaint in one_error(capsys)
    assert not trap.exists(), "a checkpoint's code was run"
    assert files(agent_run) == before


@pytest.mark.parametrize("stage", ["encoder", "autoencoder"])
@pytest.mark.parametrize("other", ["agent", "encoder", "autoencoder"])
def test_checkpoints_of_another_kind_are_one_line(
    stage: str,
    other: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    generated_omniglot: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if stage == other:
        pytest.skip("of the same kind")
    run: Path = request.getfixturevalue(f"{other}_run")
    before = files(run)
    arguments, kind = {
        "encoder": (tiny_encoder(tmp_path, generated_omniglot), "OmniglotEncoder"),
        "autoencoder": (tiny_autoencoder(tmp_path, generated_omniglot), "OmniglotAutoencoder"),
    }[stage]
    for command in ("fit", "test", "predict"):
        assert main([command, *arguments, "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 2
        assert f"is not one of this {kind}" in one_error(capsys)
    assert files(run) == before
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data.per_class", "40"], "a batch needs 40 items of each class: the smallest class has 20"),
        (["--data.per_class", "2"], "a batch needs 20 classes of 2 items: there are 16 classes"),
        (["--data.per_class", "7"], "batch_size is 40: it must be a multiple of per_class, 7"),
        (["--data.per_class", "8", "--data.shots", "8"], "shots is 8: it must be smaller than per_class, 8"),
        (["--data.shots", "1"], "shots is 1: episodes need per_class"),
        (["--data.protocol.alphabets", "[Klingon]"], "alphabets holds 'Klingon': the training alphabets are "),
        (["--data.protocol.classes", "17"], "classes is 17: it must lie between 1 and 16"),
        (["--data.protocol", "Ravi"], "Ravi is not a known class"),
        (["--data.protocol.validation_classes", "2"], "Option 'validation_classes' is not accepted"),
        (["--model.objectives.kaiser.memory_size", "0"], "memory_size is 0"),
        (["--model.objectives.kaiser.pieces", "0"], "pieces is 0"),
        (["--model.objectives.triplet.miner", "best"], "miner is 'best': it must be one of"),
        (["--model.augmentation.stroke", "2"], "stroke is 2.0: it must lie between 0 and 1"),
        (["--model.augmentation.blur", "2"], "blur"),
        (["--model.image_size", "40"], "model.image_size is 40: the data's is 28"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_to_the_encoder_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_encoder(tmp_path, generated_omniglot), *arguments]) == 2
    assert complaint in one_error(capsys)
    assert not (tmp_path / "omniglot_encoder").exists(), "a failed command left a run"


def test_a_drawing_that_is_not_square_is_one_line(
    tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "root" / "omniglot-py"
    for part in ("background", "evaluation"):
        with zipfile.ZipFile(generated_omniglot / "omniglot-py" / f"images_{part}.zip") as archive:
            archive.extractall(folder)
    drawing = next(folder.rglob("*.png"))
    Image.new("1", (105, 90), 1).save(drawing)
    assert main(["fit", *tiny_encoder(tmp_path / "runs", tmp_path / "root")]) == 2
    assert f"{drawing.name} is 105 x 90: a square of 28 to 256 pixels is needed" in one_error(capsys)
    assert not (tmp_path / "runs" / "omniglot_encoder").exists()


def test_a_missing_data_set_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], generated_omniglot: Path
) -> None:
    import torchvision

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets.Omniglot, "__init__", refuse)
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    arguments = tiny_autoencoder(tmp_path / "runs", generated_omniglot)
    assert main(["fit", *arguments, "--data.root", str(tmp_path / "nothing")]) == 2
    assert "OMNIGLOT_ROOT" in one_error(capsys)
    assert not (tmp_path / "runs" / "autoencoder").exists()
