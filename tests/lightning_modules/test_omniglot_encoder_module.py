"""The Omniglot encoder as a stage: what it trains, averages, logs and passes on."""

import csv
import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from cli import main
from datamodules import sampling
from datamodules.drawings import DrawingBatch
from datamodules.omniglot import OmniglotDataModule
from datamodules.sampling import ShardedIndices
from episodic.checkpoints import SHIPPED, Teachers, load_embedder, read_checkpoint
from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.omniglot.loading import load_part
from episodic.drawings.omniglot.sources import OmniglotDrawings
from episodic.drawings.registration import Displacements, HandwritingVariation
from episodic.errors import InputError
from episodic.memory.parallel_kaiser import ParallelKaiserMemories
from episodic.metrics.few_shot import few_shot_accuracy
from episodic.metrics.retrieval import retrieval_metrics
from episodic.metrics.streams import stream_metrics
from episodic.metrics.within_alphabet import within_alphabet_error
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.objectives.distillation import distillation_loss
from episodic.objectives.kaiser import KaiserConfig
from episodic.objectives.objectives import Objectives
from episodic.objectives.softmax import SoftmaxConfig
from episodic.objectives.triplet import TripletConfig
from lightning_modules.embedded_classes import EmbeddedClasses, in_order
from lightning_modules.omniglot_encoder import OmniglotEncoder
from lightning_modules.randomness import step_generator
from tests.runs import one_error
from tests.tiny import tiny_encoder

ALL = ["--model.objectives.triplet.weight", "0.5"]
ALL += ["--model.objectives.kaiser.weight", "0.5", "--model.objectives.kaiser.memory_size", "20"]
#: Each loss alone.
ALONE = {
    "softmax": Objectives(softmax=SoftmaxConfig()),
    "triplet": Objectives(triplet=TripletConfig()),
    "kaiser": Objectives(kaiser=KaiserConfig(memory_size=9)),
}


def build(**options: Any) -> OmniglotEncoder:
    torch.manual_seed(0)
    network = partial(OmniglotEmbedder, embedding_size=6, channels=4, **options.pop("arguments", {}))
    return OmniglotEncoder(network, **{"classes": 5, **options})


def batch(seed: int = 0) -> DrawingBatch:
    generator = torch.Generator().manual_seed(seed)
    return DrawingBatch(torch.rand(15, 1, 28, 28, generator=generator), torch.arange(15) % 5)


def gradient_sizes(module: nn.Module) -> dict[str, float]:
    return {name: 0.0 if p.grad is None else float(p.grad.abs().max()) for name, p in module.named_parameters()}


@pytest.mark.parametrize("name", ALONE)
def test_every_objective_reaches_every_weight_of_the_network(name: str) -> None:
    module = build(objectives=ALONE[name]).train()
    for seed in range(3):  # the memory's first batch has nothing to be compared with
        module.zero_grad()
        module.training_step(batch(seed), 0).backward()
    assert min(gradient_sizes(module.network).values()) > 0
    assert min(gradient_sizes(module.objectives).values(), default=1.0) > 0


def test_the_loss_is_the_weighted_sum_and_its_parts_are_kept() -> None:
    module = build(objectives=Objectives(SoftmaxConfig(weight=0.3), TripletConfig(weight=2.0)))
    images, labels = batch()
    loss = module.training_step(batch(), 0)
    module.network.zero_grad()
    embedding = module.embed(images)
    softmax, triplet = (part(embedding, labels) for part in module.objectives.parts.values())
    torch.testing.assert_close(loss, 0.3 * softmax + 2.0 * triplet)
    found = {name: mean.compute() for name, mean in module._means().items()}
    right = (module(images).argmax(dim=1) == labels).float().mean()
    expected = {"loss": loss, "accuracy": right, "softmax": softmax, "triplet": triplet}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value.detach())


@pytest.mark.parametrize("averaging", [None, 0.9])
@pytest.mark.parametrize("backbone", ["residual", "convolutional"])
def test_it_embeds_and_classifies_while_it_trains(backbone: str, averaging: float | None) -> None:
    module = build(arguments={"backbone": backbone}, averaging=averaging).train()
    drawings = torch.rand(3, 1, 40, 40)
    embedded = module.embed(drawings)
    assert embedded.shape == (3, 6)
    assert embedded.requires_grad
    assert module.training
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(3))
    logits = module(drawings)
    assert logits.shape == (3, 5)
    assert logits.abs().max() <= 30.0 * (1 + 1e-5)


def test_without_softmax_there_are_no_logits() -> None:
    module = build(objectives=ALONE["triplet"], classes=None)
    assert module.embed(batch().images).shape == (15, 6)
    with pytest.raises(InputError, match=r"^objectives has no softmax") as error:
        module(batch().images)
    assert "\n" not in str(error.value)


def stepped(module: OmniglotEncoder, steps: int) -> list[dict[str, Tensor]]:
    """Make optimiser steps as Lightning does; the network's state after each."""
    optimizer = torch.optim.SGD([*module.network.parameters(), *module.objectives.parameters()], lr=0.1)
    states = []
    for seed in range(steps):

        def closure(seed: int = seed) -> Tensor:
            optimizer.zero_grad()
            loss = module.training_step(batch(seed), seed)
            loss.backward()
            return loss

        module.optimizer_step(0, seed, optimizer, closure)
        states.append({k: v.clone() for k, v in module._averaged_parts().state_dict().items()})
    return states


def test_weights_and_statistics_are_averaged_by_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    module = build(averaging=0.6).train()
    monkeypatch.setattr(
        pl.LightningModule, "optimizer_step", lambda self, e, b, optimizer, closure: optimizer.step(closure)
    )
    states = stepped(module, 4)
    assert module.average is not None
    for name, value in module.average.module.state_dict().items():
        if not value.is_floating_point():
            continue
        expected = states[0][name].double()
        for state in states[1:]:
            expected = 0.6 * expected + 0.4 * state[name].double()
        torch.testing.assert_close(value.double(), expected, atol=1e-5, rtol=1e-4)
    images = batch().images
    raw = module.network.eval().embed(images)
    averaged = module.average.module.get_submodule("network").eval()
    assert torch.equal(module.eval().embed(images), averaged.embed(images))  # type: ignore[operator]
    assert not torch.allclose(module.embed(images), raw, atol=1e-3)
    assert not any(parameter.requires_grad for parameter in module.average.parameters())


def test_drawings_are_changed_in_training_alone() -> None:
    module = build(augmentation={"degrees": 20.0, "stroke": 0.5})
    images = batch().images
    changed = module.augmented(images, step_generator(module, 0))
    assert not torch.allclose(changed, images)
    assert torch.equal(module.augmented(images, step_generator(module, 0)), changed)
    assert not torch.allclose(module.augmented(images, step_generator(module, 1)), changed)
    assert torch.equal(build().augmented(images, step_generator(module, 0)), images)
    embeddings = module.eval().evaluated(*batch(), "val")["val"][0]
    assert torch.equal(embeddings, module.embed(images))


def test_learned_displacements_are_added_to_the_random_ones() -> None:
    module, images = build(augmentation={"elastic": 0.02}), batch().images
    module.displacements = Displacements(torch.full((1, 2, 6, 6), 0.0), 1.0)
    alone = module.augmented(images, step_generator(module, 0))
    module.displacements.knots += 2 / 28  # at most a pixel along each axis
    both = module.augmented(images, step_generator(module, 0))
    assert torch.equal(module.augmented(images, step_generator(module, 0)), both)
    assert not torch.allclose(both, alone, atol=0.1)
    assert (both - alone).abs().mean() < (module.augmented(images, step_generator(module, 1)) - alone).abs().mean()


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_a_training_deforms_drawings_as_they_vary(
    precision: str, tmp_path: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Tensor] = []

    def augment(images: Tensor, generator: torch.Generator, displacement: Tensor, **strengths: float) -> Tensor:
        used.append(displacement)
        return images

    monkeypatch.setattr("lightning_modules.omniglot_encoder.augment", augment)
    options = ["--model.variation.pairs", "8", "--trainer.precision", precision]
    assert main(["fit", *tiny_encoder(tmp_path, generated_omniglot, epochs=1), *options]) == 0
    assert used
    assert all(one.shape[1:] == (2, 28, 28) and one.abs().max() > 0.01 for one in used)
    assert not torch.equal(used[0], used[1])
    checkpoint = read_checkpoint(tmp_path / "omniglot_encoder" / "version_0" / "checkpoints" / "last.ckpt")
    assert not any("displacement" in name for name in checkpoint["state_dict"])
    assert checkpoint["hyper_parameters"]["variation"] == {"pairs": 8, "strength": 1.0}


def test_large_drawings_are_registered_small() -> None:
    images = torch.rand(4, 56, 56, generator=torch.Generator().manual_seed(0)).mul(255).byte()
    labels = torch.tensor([0, 0, 1, 1])
    small = torch.nn.functional.avg_pool2d(images.unsqueeze(1).float(), 2).squeeze(1)
    large = HandwritingVariation(pairs=3).learn(images, labels).knots
    torch.testing.assert_close(
        large, HandwritingVariation(pairs=3).learn(small.round().byte(), labels).knots, atol=0.03, rtol=0
    )


def test_variation_needs_two_drawings_of_a_character(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate_omniglot(tmp_path / "data", {"Anglic": 6, "Borean": 5, "Cimric": 5}, {"Doric": 5}, drawings=1)
    arguments = tiny_encoder(tmp_path, tmp_path / "data", epochs=1)
    assert main(["fit", *arguments, "--model.variation.pairs", "8"]) == 2
    assert "model.variation needs two drawings or more of some training class" in one_error(capsys)


def test_a_test_has_quarter_turns_as_classes() -> None:
    module, (images, labels) = build().eval(), batch()
    found = module.evaluated(images, labels, "test")
    embeddings, turned = found["test_rotated"]
    for row in range(4 * len(labels)):
        turns, drawing = divmod(row, len(labels))
        assert int(turned[row]) == 4 * int(labels[drawing]) + turns
        expected = module.embed(torch.rot90(images[drawing : drawing + 1], turns, dims=(2, 3)))
        torch.testing.assert_close(embeddings[row], expected[0])
    torch.testing.assert_close(found["test"][0], module.embed(images))
    assert list(build(rotated_test=False).eval().evaluated(images, labels, "test")) == ["test"]


def test_objectives_see_a_drawing_without_its_turns() -> None:
    module, (images, labels) = build(arguments={"turns": 8}).train(), batch()
    network, softmax = module.network, module.objectives.softmax
    assert isinstance(network, OmniglotEmbedder)
    assert softmax is not None
    network.fit_projection(images, labels)
    assert not torch.allclose(network.embed(images), network.objective_input(images), atol=1e-2)
    embedding, learned = module.learned(images, labels)
    torch.testing.assert_close(embedding, network.objective_input(images))
    assert torch.equal(learned, labels)
    module.eval()
    torch.testing.assert_close(module(images), 30.0 * softmax.cosines(network.objective_input(images)))
    assert not torch.allclose(network.objective_input(images), module.embed(images), atol=1e-2)


@pytest.mark.parametrize(
    "options",
    [
        ["--model.averaging", "null"],
        ["--model.averaging", "0.9"],
        ["--trainer.max_steps", "11"],  # within an epoch
        ["--trainer.max_steps", "11", "--trainer.limit_val_batches", "0"],
    ],
    ids=["without average", "average", "within an epoch", "without validation"],
)
def test_a_checkpoint_joins_turns_as_its_own_weights_see_training_drawings(
    options: list[str], tmp_path: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[tuple[Tensor, Tensor]] = []
    fit = OmniglotEmbedder.fit_projection

    def noting(network: OmniglotEmbedder, images: Tensor, labels: Tensor) -> None:
        fitted.append((images, labels))
        fit(network, images, labels)

    monkeypatch.setattr(OmniglotEmbedder, "fit_projection", noting)
    options = ["--model.network.turns", "8", "--trainer.precision", "32-true", *options]
    arguments = tiny_encoder(tmp_path, generated_omniglot)
    assert main(["fit", *arguments, *options]) == 0
    part = load_part(generated_omniglot, "background", cache_dir=str(tmp_path / "cache"), expected={})
    names = {bytes(image.flatten().tolist()): int(label) for image, label in zip(part.images, part.labels, strict=True)}
    images, labels = fitted[-1]
    assert images.shape == (80, 1, 28, 28)  # four characters by twenty drawers
    found = torch.tensor([names[bytes((255 * image).round().byte().flatten().tolist())] for image in images])
    assert len(set(zip(found.tolist(), labels.tolist(), strict=True))) == len(set(labels.tolist())) == 4
    assert torch.equal(labels[:40], labels[40:])  # pairs
    monkeypatch.undo()
    for name in ("best", "last"):
        path = tmp_path / "omniglot_encoder" / "version_0" / "checkpoints" / f"{name}.ckpt"
        network = load_embedder(path)
        assert isinstance(network, OmniglotEmbedder)
        found = network.embed(images)
        network.fit_projection(images, labels)
        expected = network.embed(images)
        torch.testing.assert_close(found @ found.T, expected @ expected.T, atol=1e-3, rtol=0)
    fits = len(fitted)
    monkeypatch.setattr(OmniglotEmbedder, "fit_projection", noting)
    assert main(["test", "--ckpt_path", str(path)]) == 0
    assert len(fitted) == fits


def test_turns_need_training_drawings() -> None:
    module = build(arguments={"turns": 4})
    module.trainer = pl.Trainer(logger=False)
    module.trainer.datamodule = SimpleNamespace(sizes={"image_size": 28, "classes": 5})  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"model\.network\.turns 4 needs training drawings: a SimpleNamespace has no"):
        module.setup("fit")
    module.trainer.datamodule.train = SimpleNamespace(labels=torch.arange(5))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"model\.network\.turns 4 needs two drawings or more of some training class"):
        module.setup("fit")
    module.setup("test")


def test_collections_join_batches() -> None:
    collected = EmbeddedClasses()
    for first in (0, 3):
        collected.update(torch.arange(first, first + 3.0).unsqueeze(1), torch.arange(first, first + 3))
    embeddings, labels = collected.compute()
    assert embeddings.squeeze(1).tolist() == labels.tolist() == list(range(6))


@pytest.mark.parametrize(("items", "world"), [(7, 1), (7, 2), (60, 3), (2, 4)])
def test_what_processes_met_is_put_in_order(items: int, world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[int] = []
    for rank in range(world):
        monkeypatch.setattr(sampling, "rank_and_world", lambda rank=rank: (rank, world))
        met += ShardedIndices(items)
    assert in_order(torch.tensor(met), world).tolist() == list(range(items))


# Metrics


@pytest.fixture(scope="module")
def encoder_run(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_encoder(root, generated_omniglot), *ALL]) == 0
    return root / "omniglot_encoder" / "version_0"


def test_a_training_logs_each_objective(encoder_run: Path) -> None:
    with (encoder_run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = {"loss", "accuracy", "softmax", "triplet", "kaiser", "learning_rate"}
    assert {f"train/{name}" for name in names} | {"val/recall_at_1"} <= set(rows[0])
    assert len(rows) == 2
    for row in rows:
        parts = [float(row[f"train/{name}"]) for name in ("softmax", "triplet", "kaiser")]
        assert float(row["train/loss"]) == pytest.approx(parts[0] + 0.5 * parts[1] + 0.5 * parts[2], rel=1e-5)
        assert 0 <= float(row["val/recall_at_1"]) <= 1


def test_test_and_predict_say_what_the_embedding_does(encoder_run: Path, generated_omniglot: Path) -> None:
    checkpoint = str(encoder_run / "checkpoints" / "best.ckpt")
    for command in ("test", "validate", "predict"):
        assert main([command, "--ckpt_path", checkpoint, "--trainer.precision", "32-true"]) == 0
    metrics = json.loads((encoder_run / "metrics.json").read_text())
    # The data have 12 classes to test on, in alphabets of 4: 20 ways are for their quarter turns alone.
    few = {f"way_{kind}" for kind in ("1shot", "5shot", *(f"presentation_{time}" for time in ("02", "03", "06", "11")))}
    turned = {"recall_at_1", "map_at_r"} | {f"{ways}{name}" for ways in (5, 20) for name in few}
    plain = {name for name in turned if not name.startswith("20")}
    assert {f"test/{name}" for name in plain} | {f"test/{name}_rotated" for name in turned} == set(metrics)
    with np.load(encoder_run / "predictions.npz") as predictions:
        embeddings, labels = torch.from_numpy(predictions["embedding"]), torch.from_numpy(predictions["label"])
    assert embeddings.shape == (12 * 20, 8)
    found = {name: float(value) for name, value in retrieval_metrics(embeddings, labels).items()}
    found |= {
        name: float(value) for name, value in stream_metrics(ParallelKaiserMemories, embeddings, labels, 10).items()
    }
    for name, value in found.items():
        assert metrics[f"test/{name}"] == pytest.approx(value), name
    generator = torch.Generator().manual_seed(505)
    accuracy = few_shot_accuracy(embeddings, labels, ways=5, shots=5, episodes=10, generator=generator)
    assert metrics["test/5way_5shot"] == pytest.approx(float(accuracy.mean()))


@pytest.fixture(scope="module")
def large_alphabets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose alphabets have 20 characters each, of four drawings."""
    root = tmp_path_factory.mktemp("alphabets")
    generate_omniglot(root, {"Anglic": 20, "Borean": 20, "Cimric": 20}, {"Doric": 20, "Elamic": 3}, drawings=4)
    return root


def test_errors_within_alphabets_are_of_the_drawings_as_they_are(tmp_path: Path, large_alphabets: Path) -> None:
    arguments = tiny_encoder(tmp_path, large_alphabets, epochs=1)
    assert main(["fit", *arguments, "--data.protocol.validation_alphabets", "1"]) == 0
    run = tmp_path / "omniglot_encoder" / "version_0"
    with (run / "metrics.csv").open(newline="") as file:
        assert 0 < float(next(csv.DictReader(file))["val/within_alphabet_error"]) < 1
    for command in ("test", "predict"):
        options = ["--ckpt_path", str(run / "checkpoints" / "last.ckpt"), "--trainer.precision", "32-true"]
        assert main([command, *options]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert "test/within_alphabet_error_rotated" not in metrics
    with np.load(run / "predictions.npz") as predictions:
        embeddings, labels = torch.from_numpy(predictions["embedding"]), torch.from_numpy(predictions["label"])
    alphabets = load_part(large_alphabets, "evaluation", cache_dir=str(tmp_path / "cache"), expected={}).alphabets
    generator = torch.Generator().manual_seed(20)
    expected = within_alphabet_error(embeddings, labels, alphabets, runs=100, generator=generator)
    assert expected.alphabets.tolist() == [0]
    assert metrics["test/within_alphabet_error"] == pytest.approx(float(expected.errors.mean()), abs=1e-6)


def test_a_test_on_other_data_keeps_the_classes_of_the_training(encoder_run: Path, tmp_path: Path) -> None:
    best = ["--ckpt_path", str(encoder_run / "checkpoints" / "best.ckpt"), "--run.root", str(tmp_path)]
    others = {
        "more": "--data.protocol.classes=7",
        "all": "--data.protocol={class_path: LakeProtocol, init_args: {validation_alphabets: 2}}",
        "plain": "--data.rotations=false",
    }
    found = []
    for name, option in others.items():
        assert main(["test", *best, "--run.version", name, option]) == 0
        found.append(json.loads((tmp_path / "omniglot_encoder" / name / "metrics.json").read_text()))
    assert found[0] == found[1] == found[2]


def test_the_embedder_is_the_averaged_one(encoder_run: Path) -> None:
    path = encoder_run / "checkpoints" / "last.ckpt"
    embedder, module = load_embedder(path), OmniglotEncoder.load_from_checkpoint(path)
    assert isinstance(embedder, OmniglotEmbedder)
    for size in (28, 50, 105):
        drawings = torch.rand(3, 1, size, size)
        assert torch.equal(embedder.embed(drawings), module.eval().embed(drawings))
    assert not torch.allclose(embedder.embed(drawings), module.network.embed(drawings), atol=1e-4)
    assert module(drawings).shape == (3, 16)  # four characters, four turns each


def test_a_checkpoint_without_averages_gives_the_network(tmp_path: Path, generated_omniglot: Path) -> None:
    options = ["--model.averaging", "null", "--model.network.backbone", "convolutional"]
    options += ["--model.objectives", "{softmax: null, triplet: {miner: batch_hard}}"]
    class_batches = ["--data.per_class", "4"]
    assert main(["fit", *tiny_encoder(tmp_path, generated_omniglot, epochs=1), *options, *class_batches]) == 0
    path = tmp_path / "omniglot_encoder" / "version_0" / "checkpoints" / "last.ckpt"
    module, drawings = OmniglotEncoder.load_from_checkpoint(path).eval(), torch.rand(3, 1, 28, 28)
    assert torch.equal(load_embedder(path).embed(drawings), module.network.embed(drawings))
    assert not [name for name in read_checkpoint(path)["state_dict"] if not name.startswith("network.")]


def test_figures_of_validation_never_see_a_class_of_the_training(generated_omniglot: Path, tmp_path: Path) -> None:
    data = OmniglotDataModule(str(generated_omniglot), OmniglotDrawings(check_counts=False), cache_dir=str(tmp_path))
    data.setup()
    held_out = {data.val.alphabet_names[index] for index in data.val.alphabets.tolist()}
    assert not held_out & {data.train.alphabet_names[index] for index in data.train.alphabets.tolist()}


def test_drawings_that_are_not_square_are_refused() -> None:
    module = build(augmentation={"degrees": 5.0}).train()
    wide = DrawingBatch(torch.rand(2, 1, 28, 40), torch.arange(2))
    for command in (module.embed, module, lambda _: module.training_step(wide, 0)):
        with pytest.raises(InputError, match=r"^images have shape \(2, 1, 28, 40\): square drawings") as error:
            command(wide.images)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("complaint", "options"),
    [
        ("objectives is empty", {"objectives": Objectives()}),
        ("classes is null", {"classes": None}),
        ("backbone is 'vgg': it must be one of residual, convolutional", {"arguments": {"backbone": "vgg"}}),
        ("averaging is 1.0: it must be at least 0 and below 1", {"averaging": 1.0}),
        ("averaging is -0.1", {"averaging": -0.1}),
        ("degrees is -3", {"augmentation": {"degrees": -3.0}}),
        ("few_shot_episodes is 0", {"few_shot_episodes": 0}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments_are_named(complaint: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        build(**options)
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model.objectives.arcface.weight", "1"], "arcface"),
        (["--model.objectives.softmax.margins", "0.1"], "margins"),
        (["--model.objectives.softmax.margin", "wide"], "wide"),
        (["--model.network.depth", "3"], "depth"),
        (["--model.embedding_size", "8"], "embedding_size"),
        (["--model.classes", "7"], "model.classes is 7: the data's is 16"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_encoder(tmp_path, generated_omniglot), *arguments]) == 2
    written = capsys.readouterr().err.strip()
    assert written.startswith("error: ")
    assert "\n" not in written
    assert complaint in written
    assert not (tmp_path / "omniglot_encoder").exists()


# Teachers


def test_a_student_learns_its_teachers_similarities() -> None:
    module, (images, labels) = build(teachers=Teachers(["omniglot_encoder"], weight=3.0)).train(), batch()
    assert module.teachers is not None
    module.ensemble = module.teachers.load()
    loss = module.training_step(batch(), 0)
    values = {name: mean.compute() for name, mean in module._means().items()}
    similarity = load_embedder("omniglot_encoder")
    similarity.turns = 1  # type: ignore[assignment]
    taught = similarity.embed(images)
    expected = distillation_loss(module.embed(images), taught @ taught.T)
    torch.testing.assert_close(values["distillation"], expected.detach())
    torch.testing.assert_close(loss, values["softmax"] + 3.0 * values["distillation"])
    assert labels.shape == (15,)


def test_teachers_are_no_part_of_the_student(tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = tiny_encoder(tmp_path, generated_omniglot, "omniglot_encoder_distilled", epochs=1)
    teacher = tmp_path / "teacher.ckpt"
    shutil.copy(SHIPPED / "omniglot_encoder.ckpt", teacher)
    taught = ["--model.teachers.checkpoints", f"[{teacher}]"]
    assert main(["fit", *arguments, *taught]) == 0
    run = tmp_path / "omniglot_encoder_distilled" / "version_0"
    path = run / "checkpoints" / "last.ckpt"
    with (run / "metrics.csv").open(newline="") as file:
        assert 0 < float(next(csv.DictReader(file))["train/distillation"]) < 10
    teacher.unlink()
    state = read_checkpoint(path)["state_dict"]
    assert not [name for name in state if "ensemble" in name or "teacher" in name]
    module = OmniglotEncoder.load_from_checkpoint(path)
    parameters = sum(parameter.numel() for parameter in module.network.parameters())
    assert sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad) == parameters + 16 * 8
    assert load_embedder(path).embed(torch.rand(2, 1, 28, 28)).shape == (2, 8)
    assert main(["test", "--ckpt_path", str(path), "--trainer.precision", "32-true"]) == 0


def test_a_missing_teacher_is_one_line(
    tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = tiny_encoder(tmp_path, generated_omniglot, "omniglot_encoder_distilled")
    assert main(["fit", *arguments, "--model.teachers.checkpoints", "[nowhere.ckpt]"]) == 2
    written = capsys.readouterr().err.strip()
    assert written.startswith("error: checkpoint nowhere.ckpt does not exist")
    assert "\n" not in written
    assert not (tmp_path / "omniglot_encoder_distilled").exists()


class Stranger(OmniglotEmbedder):
    """A network that no checkpoint may name."""


def test_a_network_that_no_checkpoint_may_name_is_refused_before_it_is_trained() -> None:
    module = OmniglotEncoder(lambda size: Stranger(size, embedding_size=4, channels=2), classes=3)
    with pytest.raises(InputError, match="network is a Stranger: it must be one of HiddenStateEmbedder, Convolutional"):
        module.on_train_start()
