"""A part is loaded with its drawings sorted, at any size."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from episodic.drawings.omniglot.loading import load_part
from episodic.drawings.omniglot.root import PARTS, holds_omniglot
from episodic.errors import InputError
from tests.drawing_roots import assert_equal, extracted, load


def test_classes_are_sorted(generated_omniglot: Path, tmp_path: Path) -> None:
    part = load(generated_omniglot, tmp_path)
    assert part.images.shape == (480, 28, 28)
    assert part.images.dtype == torch.uint8
    assert part.class_names == sorted(part.class_names)
    assert part.class_names[5] == "Borean/character02"
    assert part.alphabet_names == ["Anglic", "Borean", "Cimric", "Doric", "Elamic", "Faroic"]
    assert part.alphabets.tolist() == [index for index in range(6) for _ in range(4)]
    assert part.labels.tolist() == [label for label in range(24) for _ in range(20)]
    assert part.labels.dtype == part.alphabets.dtype == torch.long


def test_full_size_is_the_files_own_pixels(generated_omniglot: Path, tmp_path: Path) -> None:
    part = load(generated_omniglot, tmp_path, "evaluation", 105)
    with zipfile.ZipFile(generated_omniglot / "omniglot-py/images_evaluation.zip") as archive:
        for index in (0, 19, 20, 239):
            name = sorted(archive.namelist())[index]
            paper = np.asarray(Image.open(BytesIO(archive.read(name))))
            assert np.array_equal(part.images[index].numpy(), np.where(paper, 0, 255))


@pytest.mark.parametrize("size", [28, 29, 52, 104, 105])
def test_any_size_keeps_the_ink(size: int, tmp_path: Path, generated_omniglot: Path) -> None:
    part = load(generated_omniglot, tmp_path, image_size=size)
    whole = load(generated_omniglot, tmp_path, image_size=105)
    assert part.images.shape == (480, size, size)
    for one, other in zip(part.images[::40], whole.images[::40], strict=True):
        assert one.float().mean().item() == pytest.approx(other.float().mean().item(), rel=0.1)


@pytest.mark.parametrize("size", [27, 106, 0])
def test_other_sizes_are_refused(size: int, tmp_path: Path, generated_omniglot: Path) -> None:
    with pytest.raises(InputError, match=f"image_size is {size}: it must lie between 28 and 105"):
        load(generated_omniglot, tmp_path, image_size=size)


def test_folders_and_archives_give_the_same(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    (root / "omniglot-py/images_background/Anglic/.DS_Store").write_bytes(b"x")
    (root / "omniglot-py/images_background/Anglic/character01/._0001_01.png").write_bytes(b"x")
    for part in PARTS:
        assert_equal(load(root, tmp_path / "a", part), load(generated_omniglot, tmp_path / "b", part))


def test_a_root_is_only_read(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    load(root, tmp_path / "cache")
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


REAL = os.environ.get("OMNIGLOT_ROOT", "")


@pytest.mark.slow
@pytest.mark.skipif(not (REAL and holds_omniglot(Path(REAL))), reason="OMNIGLOT_ROOT holds no Omniglot")
def test_real_omniglot(tmp_path: Path) -> None:
    background, evaluation = (load_part(Path(REAL), part, cache_dir=str(tmp_path)) for part in PARTS)
    for part, classes, alphabets, drawings in ((background, 964, 30, 19_280), (evaluation, 659, 20, 13_180)):
        assert part.images.shape == (drawings, 28, 28)
        assert len(part.class_names) == len(set(part.class_names)) == classes
        assert len(part.alphabet_names) == alphabets
        assert part.labels.bincount().tolist() == [20] * classes
        assert part.images.min() == 0
        assert part.images.max() == 255
        assert 10 < part.images.float().mean() < 40  # ink is 255, and there is little of it
    assert not set(background.alphabet_names) & set(evaluation.alphabet_names)
