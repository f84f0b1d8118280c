"""The autoencoder as a stage: its inputs and targets, its losses, what it logs and passes on."""

import csv
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cli import main
from datamodules.drawings import DrawingBatch
from episodic.checkpoints import load_embedder
from episodic.drawings.augmentation import augment
from episodic.drawings.masking_noise import erase_pixels
from episodic.drawings.symmetries import spread_symmetries
from episodic.errors import InputError
from episodic.metrics.few_shot import few_shot_accuracy
from episodic.metrics.retrieval import retrieval_metrics
from episodic.networks.autoencoder import Autoencoder, ConvolutionalAutoencoder
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder
from lightning_modules.autoencoder import LOSSES, OmniglotAutoencoder
from lightning_modules.randomness import step_generator
from tests.tiny import tiny_autoencoder

NETWORKS: dict[str, Callable[..., Autoencoder]] = {
    "convolutional": ConvolutionalAutoencoder,
    "two_layer": TwoLayerAutoencoder,
}


def build(**options: Any) -> OmniglotAutoencoder:
    torch.manual_seed(0)
    network = NETWORKS[options.pop("network", "convolutional")]
    return OmniglotAutoencoder(partial(network, latent_size=5, channels=4, **options.pop("arguments", {})), **options)


def batch() -> DrawingBatch:
    images = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return DrawingBatch(images, torch.arange(16) % 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_embeds_while_it_trains(network: str) -> None:
    module = build(network=network).train()
    drawings = torch.rand(3, 1, 40, 40)
    embedded = module.embed(drawings)
    assert embedded.shape == (3, 5)
    assert embedded.requires_grad
    assert module.training
    assert module(drawings).shape == (3, 1, 28, 28)


def test_the_network_is_built_for_the_image_size() -> None:
    plain, residual, small = build(), build(arguments={"blocks": 1}), build(network="two_layer", image_size=32)
    assert type(plain.network) is type(residual.network) is ConvolutionalAutoencoder
    assert sum(1 for name in residual.state_dict() if "half_0" in name or "quarter_0" in name) > 0
    assert type(small.network) is TwoLayerAutoencoder
    assert (plain.network.image_size, small.network.image_size) == (28, 32)
    # Older checkpoints hold nothing else.
    assert list(plain.state_dict()) == [f"network.{name}" for name in plain.network.state_dict()]


# Inputs and targets


@pytest.mark.parametrize("symmetries", [False, True])
def test_a_deformed_drawing_is_input_and_target(symmetries: bool) -> None:
    images = batch().images
    inputs, target = build(symmetries=symmetries, augmentation={"degrees": 20.0}).training_pair(images, generator())
    turned = spread_symmetries(images) if symmetries else images
    assert torch.equal(inputs, augment(turned, generator(), degrees=20.0))
    assert torch.equal(inputs, target)
    assert not torch.allclose(inputs, turned)


@pytest.mark.parametrize("symmetries", [False, True])
def test_denoising_has_clean_targets(symmetries: bool) -> None:
    images = batch().images
    module = build(symmetries=symmetries, denoising=True, augmentation={"scale": 0.3}, dropped=0.4)
    inputs, target = module.training_pair(images, generator())
    assert torch.equal(target, spread_symmetries(images) if symmetries else images)
    seeded = generator()
    assert torch.equal(inputs, erase_pixels(augment(target, seeded, scale=0.3), 0.4, seeded))
    assert torch.equal(module.training_pair(images, generator())[0], inputs)
    assert not torch.equal(module.training_pair(images, generator(1))[0], inputs)


def test_without_augmentation_the_drawings_are_taken_as_they_are() -> None:
    inputs, target = build().training_pair(batch().images, generator())
    assert torch.equal(inputs, batch().images)
    assert torch.equal(target, batch().images)


# Losses


def by_loop(loss: str, reconstruction: Tensor, target: Tensor) -> float:
    """The mean over pixels, one by one."""
    pairs = list(zip(reconstruction.flatten().tolist(), target.flatten().tolist(), strict=True))
    if loss == "mse":
        costs = [(r - t) ** 2 for r, t in pairs]
    else:
        costs = [-t * math.log(r) - (1 - t) * math.log(1 - r) for r, t in pairs]
    return math.fsum(costs) / len(costs)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_its_formula_and_the_error_is_squared(loss: str) -> None:
    module = build(loss=loss, denoising=True, dropped=0.5).train()
    inputs, target = module.training_pair(batch().images, step_generator(module, 3))
    reconstruction = module(inputs).detach()
    found = module.training_step(batch(), 3)
    assert float(found.detach()) == pytest.approx(by_loop(loss, reconstruction, target), rel=1e-4)
    assert float(module._error("fit")) == pytest.approx(by_loop("mse", reconstruction, target), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_loss_reaches_every_weight(network: str, loss: str) -> None:
    module = build(network=network, loss=loss).train()
    module.training_step(batch(), 0).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters())


def test_cross_entropy_of_certain_pixels_is_finite_in_half_precision() -> None:
    module = build(loss="bce", network="two_layer").train()
    bias = list(module.parameters())[-1]
    torch.nn.init.constant_(bias, 40.0)  # certainly ink, where there is none
    blank = DrawingBatch(torch.zeros(2, 1, 28, 28), torch.zeros(2, dtype=torch.long))
    with torch.autocast("cpu", torch.bfloat16):
        loss = module.training_step(blank, 0)
    loss.backward()
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(40.0, rel=0.05)
    assert bias.grad is not None
    assert float(bias.grad) == pytest.approx(1.0, rel=0.01)


# Metrics


def test_metrics_are_left_out_where_there_are_too_few_classes() -> None:
    module = build(few_shot_episodes=5)
    for labels, expected in (
        (torch.arange(6), set[str]()),
        (torch.arange(6) // 2, {"val/recall_at_1", "val/map_at_r"}),
        (torch.arange(60) // 3, {"val/recall_at_1", "val/map_at_r", "val/20way_1shot"}),
    ):
        module.collected["val"].update(torch.randn(len(labels), 5), labels)  # type: ignore[operator]
        assert set(module._split_metrics("val")) == expected


@pytest.fixture(scope="module")
def denoising_run(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    arguments = tiny_autoencoder(root, generated_omniglot, "autoencoder_denoising")
    assert main(["fit", *arguments, "--data.protocol.classes", "7", "--model.network.blocks", "1"]) == 0
    return root / "autoencoder_denoising" / "version_0"


def test_it_trains_on_as_many_classes_as_the_data_give(denoising_run: Path) -> None:
    with (denoising_run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["step"] == str(2 * (7 * 20 // 64))  # epochs, batches
    names = {"train/reconstruction_mse", "val/reconstruction_mse", "val/recall_at_1", "val/map_at_r"}
    assert names <= set(rows[0])


def test_a_test_says_what_the_embedding_is_worth(denoising_run: Path) -> None:
    checkpoint = str(denoising_run / "checkpoints" / "best.ckpt")
    for command in ("test", "predict"):
        assert main([command, "--ckpt_path", checkpoint, "--trainer.precision", "32-true"]) == 0
    metrics = json.loads((denoising_run / "metrics.json").read_text())
    names = {"reconstruction_mse", "pca_mse", "recall_at_1", "map_at_r", "5way_1shot", "5way_5shot"}
    assert set(metrics) == {f"test/{name}" for name in names}  # twelve classes: none of 20 ways
    with np.load(denoising_run / "predictions.npz") as predictions:
        embeddings, labels = torch.from_numpy(predictions["embedding"]), torch.from_numpy(predictions["label"])
    assert metrics["test/recall_at_1"] == pytest.approx(float(retrieval_metrics(embeddings, labels)["recall_at_1"]))
    few = few_shot_accuracy(embeddings, labels, ways=5, shots=1, episodes=10, generator=generator(501))
    assert metrics["test/5way_1shot"] == pytest.approx(float(few.mean()))
    assert {path.stem for path in (denoising_run / "figures").glob("*.png")} >= {"reconstructions_test"}


def test_the_embedder_has_its_blocks(denoising_run: Path) -> None:
    path = denoising_run / "checkpoints" / "last.ckpt"
    embedder, module = load_embedder(path), OmniglotAutoencoder.load_from_checkpoint(path).eval()
    drawings = torch.rand(3, 1, 50, 50)
    assert torch.equal(embedder.embed(drawings), module.embed(drawings))
    assert any("half_0" in name for name in embedder.state_dict())


@pytest.mark.parametrize(
    ("complaint", "options"),
    [
        ("loss is 'l1': it must be one of mse, bce", {"loss": "l1"}),
        ("blocks is -1: it must be 0 or more", {"arguments": {"blocks": -1}}),
        ("image_size is 30: it must be a multiple of 4", {"image_size": 30}),
        ("dropped is 1.0: it must be at least 0 and below 1", {"dropped": 1.0, "denoising": True}),
        ("dropped is -0.1", {"dropped": -0.1, "denoising": True}),
        ("dropped is 0.1: only denoising erases pixels", {"dropped": 0.1}),
        ("denoising is true: it needs an augmentation", {"denoising": True}),
        ("denoising is true: it needs an augmentation", {"denoising": True, "augmentation": {"degrees": 0.0}}),
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
