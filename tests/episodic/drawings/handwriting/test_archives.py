"""Generated drawings: in Omniglot's layout and in memory, alike within a character, the same for the same seed."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.handwriting.png import strokes_to_png
from episodic.errors import InputError


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
    ink = pixels(strokes_to_png(line, 105)) == 0
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
    with pytest.raises(InputError, match=r"images_background\.zip already exists"):
        generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=1, seed=5)
    assert entries(tmp_path, "background") == before


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="characters of Latin is 0"):
        generate_omniglot(tmp_path, {"Latin": 0}, {"Runic": 1})
    with pytest.raises(InputError, match="drawings is 0"):
        generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=0)
    with pytest.raises(InputError, match=r"'\.\./Latin' is not a valid folder name"):
        generate_omniglot(tmp_path, {"../Latin": 1}, {"Runic": 1})
    with pytest.raises(InputError, match="seed is -1: it must be 0 or more"):
        generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, seed=-1)
    assert not list(tmp_path.iterdir())
