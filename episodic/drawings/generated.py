"""Generated drawings in Omniglot's layout, for tests, for training without the data set, and for more classes."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich import get_console
from rich.progress import track
from torch import Tensor

from episodic.drawings.characters import draw_character, draw_style
from episodic.drawings.handwriting import PEN, draw_drawers, draw_drawings
from episodic.drawings.omniglot_files import LARGEST, area_average, require_image_size
from episodic.drawings.pen import draw
from episodic.errors import require, require_positive

#: Changes when the same arguments would give other drawings.
FORMAT = "2"
CLASSES, BACKGROUND, EVALUATION = range(3)  # what an alphabet is for; no two of them share alphabets
ALPHABET = 30  # characters of an alphabet in `generated_classes`


def generate_omniglot(
    root: Path,
    background: Mapping[str, int],
    evaluation: Mapping[str, int],
    drawings: int = 20,
    size: int = 105,
    seed: int = 0,
    progress: bool = False,
) -> None:
    """Write `omniglot-py/images_background.zip` and `images_evaluation.zip` of generated characters.

    Characters of one alphabet share a style and some strokes (`episodic.drawings.characters`), and the drawings with the
    same number in one alphabet the habits of one drawer (`episodic.drawings.handwriting`). The same arguments give the
    same archives; an alphabet of more characters begins with those of one of fewer.

    Args:
        root: folder that is to hold `omniglot-py/`; made if need be.
        background: number of characters of each background alphabet.
        evaluation: number of characters of each evaluation alphabet.
        drawings: drawings of each character.
        size: side of a drawing in pixels; 105 in Omniglot.
        seed: of the characters and drawings.
        progress: whether to show in a terminal how far it is.

    Raises:
        InputError: a number that is not positive, a seed that is negative, a name of an alphabet that is no folder's
            name, or an archive that is there already.
    """
    _require_numbers(drawings, seed)
    require_positive(size=size)
    for name, characters in [*background.items(), *evaluation.items()]:
        require(Path(name).name == name, f"alphabet {name!r} is no name for a folder: give a single name")
        require_positive(**{f"characters of {name}": characters})
    folder = root / "omniglot-py"
    folder.mkdir(parents=True, exist_ok=True)
    parts = ((BACKGROUND, folder / "images_background.zip"), (EVALUATION, folder / "images_evaluation.zip"))
    quiet = not (progress and get_console().is_terminal)
    first = 1
    for (part, path), alphabets in zip(parts, (background, evaluation), strict=True):
        require(not path.exists(), f"{path} is there already: give a folder that holds no Omniglot")
        # Stored as they are: PNGs are compressed already.
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
            items = track(alphabets.items(), f"generating {path.stem}", disable=quiet, transient=True)
            for number, (alphabet, characters) in enumerate(items):
                images = draw_alphabet(characters, drawings, size, [seed, part, number])
                _write_alphabet(archive, f"{path.stem}/{alphabet}", images, first)
                first += characters


def generated_classes(characters: int, drawings: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Drawings of generated characters in memory, as further classes to train on.

    They are never those of `generate_omniglot`. A larger number of characters adds to a smaller one's.

    Args:
        characters: number of classes.
        drawings: of each class.
        size: side S of the drawings in pixels, 28 to 105: area averages of drawings of 105 pixels.
        seed: of the characters and drawings.

    Returns:
        Images `[characters * drawings, S, S]` uint8, ink = 255, class after class; and their labels from 0 on, long.

    Raises:
        InputError: a number that is not positive, a seed that is negative, or a size out of its range.
    """
    require_positive(characters=characters)
    _require_numbers(drawings, seed)
    require_image_size(size)
    images = np.empty((characters, drawings, size, size), dtype=np.uint8)
    for first in range(0, characters, ALPHABET):
        count = min(ALPHABET, characters - first)
        alphabet = draw_alphabet(count, drawings, LARGEST, [seed, CLASSES, first // ALPHABET])
        for index, drawn in enumerate(alphabet, start=first):
            images[index] = [area_average(drawing, size) for drawing in drawn]
    labels = torch.arange(characters).repeat_interleave(drawings)
    return torch.from_numpy(images).flatten(0, 1), labels


def _require_numbers(drawings: int, seed: int) -> None:
    require_positive(drawings=drawings)
    require(seed >= 0, f"seed is {seed}: it has to be at least 0")


def draw_alphabet(characters: int, drawings: int, size: int, seed: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Each character's drawings, `[drawings, size, size]`, ink = 255; three numbers are the seed of an alphabet."""
    generator = np.random.default_rng(seed)
    style, drawers = draw_style(generator), draw_drawers(drawings, generator)
    for character in range(1, characters + 1):
        generator = np.random.default_rng([*seed, character])
        yield draw_drawings(draw_character(style, generator), style, drawers, size, generator)


def _write_alphabet(archive: zipfile.ZipFile, place: str, characters: Iterator[NDArray[np.uint8]], first: int) -> None:
    """All drawings of an alphabet, whose first character is the data set's number `first`."""
    for character, images in enumerate(characters):
        for drawing, ink in enumerate(images, start=1):
            name = f"{place}/character{character + 1:02d}/{first + character:04d}_{drawing:02d}.png"
            # A date of its own would make every archive different.
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), to_png(ink))


def to_png(ink: NDArray[np.uint8]) -> bytes:
    """A drawing `[S, S]` with ink = 255 and paper = 0 as a PNG of 1 bit, ink = 0."""
    image = Image.frombytes("1", ink.shape, np.packbits(ink == 0, axis=1).tobytes())
    buffer = BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def encode(strokes: NDArray[np.float64], size: int) -> bytes:
    """Cubic Bezier curves in the unit square, `[R, 4, 2]`, as a PNG of `size` x `size` pixels of 1 bit, ink = 0."""
    widths = np.array([max(1, round(size / PEN))])
    return to_png(draw(strokes, np.zeros(len(strokes), dtype=np.intp), size, widths)[0])
