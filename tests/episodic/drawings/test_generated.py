"""Generated drawings: in Omniglot's layout and in memory, alike within a character, the same for the same seed."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from episodic.drawings.generated import ALPHABET, encode, generate_omniglot, generated_classes
from episodic.errors import InputError
from episodic.metrics.few_shot import few_shot_accuracy


def entries(root: Path, part: str) -> dict[str, bytes]:
    with zipfile.ZipFile(root / "omniglot-py" / f"images_{part}.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pixels(data: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(BytesIO(data)), dtype=np.float64)


def test_layout_is_omniglots(tmp_path: Path) -> None:
    generate_omniglot(tmp_path, {"Latin": 2, "Greek": 1}, {"Runic": 1}, drawings=2)
    assert set(entries(tmp_path, "background")) == {
        "images_background/Latin/character01/0001_01.png",
        "images_background/Latin/character01/0001_02.png",
        "images_background/Latin/character02/0002_01.png",
        "images_background/Latin/character02/0002_02.png",
        "images_background/Greek/character01/0003_01.png",
        "images_background/Greek/character01/0003_02.png",
    }
    assert len(entries(tmp_path, "evaluation")) == 2


def test_drawings_are_one_bit_with_little_ink(tmp_path: Path) -> None:
    generate_omniglot(tmp_path, {"Latin": 3}, {"Runic": 3})
    for data in [*entries(tmp_path, "background").values(), *entries(tmp_path, "evaluation").values()]:
        image = Image.open(BytesIO(data))
        assert (image.mode, image.size, image.format) == ("1", (105, 105), "PNG")
        assert 0.7 < pixels(data).mean() < 0.995  # paper is 1


def test_an_alphabet_of_more_characters_begins_with_the_same(tmp_path: Path) -> None:
    generate_omniglot(tmp_path / "few", {"Latin": 1, "Greek": 2}, {"Runic": 1}, drawings=2, size=40)
    generate_omniglot(tmp_path / "many", {"Latin": 2, "Greek": 2}, {"Runic": 2}, drawings=2, size=40)
    for part in ("background", "evaluation"):
        few = {name[:-11]: data for name, data in entries(tmp_path / "few", part).items()}  # without the running number
        many = {name[:-11]: data for name, data in entries(tmp_path / "many", part).items()}
        assert few.items() < many.items()


def test_a_curve_is_drawn_where_it_is() -> None:
    line = np.array([[[0.2, 0.5], [0.4, 0.5], [0.6, 0.5], [0.8, 0.5]]])
    ink = pixels(encode(line, 105)) == 0
    rows, columns = np.nonzero(ink)
    assert (rows.min(), rows.max()) == (50, 54)
    assert (columns.min(), columns.max()) == (19, 86)  # 21 to 84, and half a pen of five pixels


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate_omniglot(tmp_path / name, {"Latin": 2}, {"Runic": 1}, drawings=2, size=40, seed=seed)
    archives = [(tmp_path / name / "omniglot-py/images_background.zip").read_bytes() for name in "abc"]
    assert archives[0] == archives[1]
    assert archives[0] != archives[2]
    # The clock's time would go unnoticed above: both are written within one tick of an archive's two seconds.
    with zipfile.ZipFile(tmp_path / "a/omniglot-py/images_background.zip") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_drawings_of_a_character_are_alike_and_not_equal(generated_omniglot: Path) -> None:
    drawings = entries(generated_omniglot, "background")
    names = sorted(drawings)
    images = np.stack([pixels(drawings[name]) for name in names]).reshape(24, 20, -1)
    assert len({drawings[name] for name in names}) > 470
    means = images.mean(axis=1)
    within = np.abs(images - means[:, None]).mean()
    between = np.abs(images - np.roll(means, 1, axis=0)[:, None]).mean()
    assert within < 0.9 * between


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=1)
    before = entries(tmp_path, "background")
    with pytest.raises(InputError, match=r"images_background\.zip is there already"):
        generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=1, seed=5)
    assert entries(tmp_path, "background") == before


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="characters of Latin is 0"):
        generate_omniglot(tmp_path, {"Latin": 0}, {"Runic": 1})
    with pytest.raises(InputError, match="drawings is 0"):
        generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=0)
    with pytest.raises(InputError, match=r"'\.\./Latin' is no name"):
        generate_omniglot(tmp_path, {"../Latin": 1}, {"Runic": 1})
    with pytest.raises(InputError, match="seed is -1: it has to be at least 0"):
        generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, seed=-1)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------- in memory


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
    with pytest.raises(InputError, match="characters is 0: it has to be greater than 0"):
        generated_classes(0, 20, 28, 0)
    with pytest.raises(InputError, match="drawings is -1"):
        generated_classes(3, -1, 28, 0)
    with pytest.raises(InputError, match="image_size is 106: it has to lie between 28 and 105"):
        generated_classes(3, 20, 106, 0)
    with pytest.raises(InputError, match="seed is -2"):
        generated_classes(3, 20, 28, -2)
