"""Generated classes: alike within a character, the same for the same seed, as inky as Omniglot."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from episodic.drawings.handwriting.alphabets import ALPHABET, generated_classes
from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.errors import InputError
from episodic.metrics.few_shot import few_shot_accuracy


def entries(root: Path, part: str) -> dict[str, bytes]:
    with zipfile.ZipFile(root / "omniglot-py" / f"images_{part}.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pixels(data: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(BytesIO(data)), dtype=np.float64)


@pytest.fixture(scope="module")
def classes() -> tuple[Tensor, Tensor]:
    """Drawings at full size of two alphabets' characters."""
    return generated_classes(2 * ALPHABET, 20, 105, seed=3)


def test_classes_come_in_order_and_in_ink(classes: tuple[Tensor, Tensor]) -> None:
    images, labels = classes
    assert (images.shape, images.dtype) == ((2 * ALPHABET * 20, 105, 105), torch.uint8)
    assert labels.tolist() == [label for label in range(2 * ALPHABET) for _ in range(20)]
    assert images.unique().tolist() == [0, 255]


def test_no_two_drawings_are_the_same(classes: tuple[Tensor, Tensor]) -> None:
    assert len({image.numpy().tobytes() for image in classes[0]}) > 0.999 * len(classes[0])


def test_the_same_seed_gives_the_same_classes_and_more_characters_add_to_fewer() -> None:
    images, _ = generated_classes(ALPHABET + 1, 2, 30, seed=1)
    fewer, _ = generated_classes(3, 2, 30, seed=1)
    others, _ = generated_classes(3, 2, 30, seed=2)
    assert torch.equal(fewer, images[:6])
    assert not any((image == images).all(dim=(1, 2)).any() for image in others)
    assert torch.equal(images, generated_classes(ALPHABET + 1, 2, 30, seed=1)[0])


def test_small_drawings_are_averages_of_large_ones() -> None:
    small, large = (generated_classes(2, 3, size, seed=4)[0] for size in (35, 105))
    averages = large.numpy().reshape(6, 35, 3, 35, 3).mean(axis=(2, 4))
    assert np.abs(small.numpy() - averages).max() <= 0.5 + 1e-9


def test_classes_are_not_those_of_the_archives(tmp_path: Path) -> None:
    generate_omniglot(tmp_path, {"Latin": 4}, {"Runic": 4}, drawings=2, seed=5)
    images, _ = generated_classes(4, 2, 105, seed=5)
    found = [entries(tmp_path, part) for part in ("background", "evaluation")]
    archived = [pixels(data).astype(bool).tobytes() for part in found for data in part.values()]
    assert len({*archived, *((image == 0).numpy().tobytes() for image in images)}) == 24


def test_there_is_as_much_ink_as_in_omniglot(classes: tuple[Tensor, Tensor]) -> None:
    shares = (classes[0] > 0).float().mean(dim=(1, 2))
    assert 0.05 < shares.mean() < 0.10  # 0.074 of Omniglot's background drawings
    assert shares.min() > 0.005
    assert shares.max() < 0.3
    core = -torch.nn.functional.max_pool2d(-(classes[0] > 0).float(), 4)
    assert core.sum() * 16 < 0.5 * (classes[0] > 0).sum()  # strokes, no blots


def test_drawings_fill_most_of_the_page_and_stay_inside(classes: tuple[Tensor, Tensor]) -> None:
    ink = classes[0] > 0
    sides = torch.stack([ink.any(dim=axis).sum(dim=1) for axis in (1, 2)], dim=1).max(dim=1).values.float()
    assert 50 < sides.median() < 90
    edges = torch.stack([ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]])
    assert not edges.any()


def test_drawings_of_a_character_are_nearer_than_those_of_others(classes: tuple[Tensor, Tensor]) -> None:
    images, labels = classes
    blurred = torch.nn.functional.avg_pool2d(images.unsqueeze(1).float(), 15).flatten(1)
    distance = torch.cdist(blurred, blurred)
    same = labels.unsqueeze(1) == labels
    within = (distance * same).sum(dim=1) / (same.sum(dim=1) - 1)
    between = (distance * ~same).sum(dim=1) / (~same).sum(dim=1)
    assert (within.view(-1, 20).mean(dim=1) < between.view(-1, 20).mean(dim=1)).float().mean() > 0.95
    assert within.mean() < 0.8 * between.mean()


def test_they_are_as_hard_to_tell_apart_as_omniglots(classes: tuple[Tensor, Tensor]) -> None:
    """By their pixels at 28 x 28, 20 ways and one shot: 29 % are right in Omniglot, 5 % are by chance."""
    images, labels = classes
    pooled = torch.nn.functional.adaptive_avg_pool2d(images.float(), 28).flatten(1)
    generator = torch.Generator().manual_seed(0)
    pooled = torch.nn.functional.normalize(pooled, dim=1)
    accuracy = few_shot_accuracy(pooled, labels, ways=20, shots=1, episodes=300, generator=generator).mean()
    assert 0.20 < accuracy < 0.45


def test_impossible_classes_are_refused() -> None:
    with pytest.raises(InputError, match="characters is 0: it must be greater than 0"):
        generated_classes(0, 20, 28, 0)
    with pytest.raises(InputError, match="drawings is -1"):
        generated_classes(3, -1, 28, 0)
    with pytest.raises(InputError, match="image_size is 106: it must lie between 28 and 105"):
        generated_classes(3, 20, 106, 0)
    with pytest.raises(InputError, match="seed is -2"):
        generated_classes(3, 20, 28, -2)
