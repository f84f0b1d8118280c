"""Image files of one's own as drawings."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from episodic.drawings import read_drawings
from episodic.errors import InputError


def square() -> NDArray[np.uint8]:
    """A square of ink, [60, 60] bytes, ink = 255."""
    ink = np.zeros((60, 60), dtype=np.uint8)
    ink[20:40, 20:40] = 255
    return ink


@pytest.mark.parametrize("paper", ["light", "dark"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_ink_is_one_whatever_the_paper(tmp_path: Path, paper: str, name: str) -> None:
    image = Image.fromarray(255 - square() if paper == "light" else square())
    image.save(tmp_path / name)
    drawing = read_drawings([tmp_path / name], size=60)
    assert drawing.shape == (1, 1, 60, 60)
    torch.testing.assert_close(drawing[0, 0], torch.from_numpy(square()).float() / 255, atol=0.1, rtol=0)


def test_transparent_paper_is_white(tmp_path: Path) -> None:
    pixels = np.zeros((60, 60, 4), dtype=np.uint8)
    pixels[..., 3] = square()  # black ink where it is opaque
    Image.fromarray(pixels).save(tmp_path / "a.png")
    drawing = read_drawings([tmp_path / "a.png"], size=60)
    torch.testing.assert_close(drawing[0, 0], torch.from_numpy(square()).float() / 255)


def test_other_shapes_are_extended_by_paper_and_resized(tmp_path: Path) -> None:
    Image.fromarray(255 - square()[15:45]).save(tmp_path / "wide.png")  # [30, 60]
    drawing = read_drawings([tmp_path / "wide.png"], size=60)
    torch.testing.assert_close(drawing[0, 0], torch.from_numpy(square()).float() / 255)
    small = read_drawings([tmp_path / "wide.png", tmp_path / "wide.png"], size=30)
    assert small.shape == (2, 1, 30, 30)
    assert small.mean() == pytest.approx(float(drawing.mean()), abs=0.01)


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    for name, message in (("none.png", "does not exist"), ("text.png", "cannot be read"), ("blank.png", "is blank")):
        with pytest.raises(InputError, match=f"{name} .*{message}|{name} {message}"):
            read_drawings([tmp_path / name])
    with pytest.raises(InputError, match="paths is empty"):
        read_drawings([])
    with pytest.raises(InputError, match="size is 20"):
        read_drawings([tmp_path / "blank.png"], size=20)
