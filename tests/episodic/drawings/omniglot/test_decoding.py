"""Damaged and odd drawings are refused."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.handwriting.png import strokes_to_png
from episodic.drawings.omniglot.decoding import decode_drawing
from episodic.drawings.omniglot.loading import load_part
from episodic.errors import InputError
from tests.drawing_roots import Entries, extracted, load, one_line, rewritten


def test_every_damaged_byte_of_a_drawing_is_noticed() -> None:
    strokes = np.random.default_rng(0).uniform(0.1, 0.9, (2, 4, 2))
    data = strokes_to_png(strokes, 105)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x55
        with pytest.raises(InputError, match="drawing X cannot be read") as error:
            decode_drawing(bytes(changed), "drawing X")
        one_line(error)
        with pytest.raises(InputError, match="drawing X cannot be read"):
            decode_drawing(data[:place], "drawing X")


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_a_truncated_drawing_is_named(generated_omniglot: Path, tmp_path: Path, form: str) -> None:
    victim = "images_background/Doric/character02/0014_07.png"

    def change(entries: Entries) -> Entries:
        return [(name, data[:100] if name == victim else data) for name, data in entries]

    root = rewritten(generated_omniglot, tmp_path / "zip", change)
    root = root if form == "archive" else extracted(root, tmp_path / "folder")
    with pytest.raises(InputError, match=victim) as error:
        load(root, tmp_path / "cache")
    one_line(error)


def test_a_damaged_byte_in_an_archive_is_noticed(generated_omniglot: Path, tmp_path: Path) -> None:
    root = rewritten(generated_omniglot, tmp_path / "root", lambda entries: entries)
    path = root / "omniglot-py/images_background.zip"
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"0001_01\.png in .*images_background\.zip cannot be read") as error:
        load(root, tmp_path / "cache")
    one_line(error)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_archive_is_named(generated_omniglot: Path, tmp_path: Path, kept: float) -> None:
    root = rewritten(generated_omniglot, tmp_path / "root", lambda entries: entries)
    path = root / "omniglot-py/images_background.zip"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match=r"images_background\.zip cannot be read") as error:
        load(root, tmp_path / "cache")
    one_line(error)


def test_an_odd_shape_is_refused() -> None:
    buffer = BytesIO()
    Image.new("1", (105, 90)).save(buffer, format="PNG")
    with pytest.raises(InputError, match="drawing X is 105 x 90: a square"):
        decode_drawing(buffer.getvalue(), "drawing X")


def test_drawings_are_not_made_larger(tmp_path: Path) -> None:
    generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=1, size=40)
    with pytest.raises(InputError, match=r"0001_01\.png .* is 40 x 40: a square of 56 to 256"):
        load_part(tmp_path, "background", 56, cache_dir=str(tmp_path / "cache"), expected={})
