"""Generated drawings in Omniglot's layout, for tests and for trying things without the data set."""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from errors import require, require_positive

CONTROL_POINTS = 4  # of a stroke, a cubic Bezier curve
CURVE_POINTS = 24  # straight pieces that a stroke is drawn with
JITTER = 0.02  # standard deviation of a control point from one drawing to the next; the drawing's side is 1
SHIFT = 0.02  # standard deviation of the place of a whole drawing
TURN = 0.06  # standard deviation of the angle of a whole drawing, in radians


def generate_omniglot(
    root: Path,
    background: Mapping[str, int],
    evaluation: Mapping[str, int],
    drawings: int = 20,
    size: int = 105,
    seed: int = 0,
) -> None:
    """Write `omniglot-py/images_background.zip` and `images_evaluation.zip` of generated characters.

    A character is 2 to 4 random smooth strokes; each of its drawings moves them a little. The same arguments
    give the same archives.

    Args:
        root: folder that is to hold `omniglot-py/`; made if need be.
        background: number of characters of each background alphabet.
        evaluation: number of characters of each evaluation alphabet.
        drawings: drawings of each character.
        size: side of a drawing in pixels; 105 in Omniglot.
        seed: of the characters and drawings.

    Raises:
        InputError: a number that is not positive, a name of an alphabet that is no folder's name, or an
            archive that is there already.
    """
    require_positive(drawings=drawings, size=size)
    for name, characters in [*background.items(), *evaluation.items()]:
        require(Path(name).name == name, f"alphabet {name!r} is no name for a folder: give a single name")
        require_positive(**{f"characters of {name}": characters})
    folder = root / "omniglot-py"
    folder.mkdir(parents=True, exist_ok=True)
    first = 1
    for part, alphabets in (("images_background", background), ("images_evaluation", evaluation)):
        path = folder / f"{part}.zip"
        require(not path.exists(), f"{path} is there already: give a folder that holds no Omniglot")
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
            for alphabet, characters in alphabets.items():
                for character in range(1, characters + 1):
                    place = f"{part}/{alphabet}/character{character:02d}"
                    _write_character(archive, place, first, drawings, size, seed)
                    first += 1


def _write_character(
    archive: zipfile.ZipFile,
    place: str,
    number: int,
    drawings: int,
    size: int,
    seed: int,
) -> None:
    """All drawings of the data set's character `number`, counted from 1 as Omniglot does."""
    generator = np.random.default_rng([seed, number])
    strokes = draw_character(generator)
    for drawing in range(1, drawings + 1):
        # A date of its own would make every archive different.
        info = zipfile.ZipInfo(f"{place}/{number:04d}_{drawing:02d}.png", date_time=(1980, 1, 1, 0, 0, 0))
        archive.writestr(info, encode(perturb(strokes, generator), size))


def draw_character(generator: np.random.Generator) -> NDArray[np.float64]:
    """Control points of 2 to 4 strokes in the unit square, `[strokes, CONTROL_POINTS, 2]`."""
    strokes = int(generator.integers(2, 5))
    return generator.uniform(0.1, 0.9, size=(strokes, CONTROL_POINTS, 2))


def perturb(strokes: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """One drawing of a character: its points jittered, the whole turned about the middle and shifted."""
    angle = generator.normal(0.0, TURN)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    jittered = strokes + generator.normal(0.0, JITTER, size=strokes.shape)
    moved: NDArray[np.float64] = (jittered - 0.5) @ turn + 0.5 + generator.normal(0.0, SHIFT, size=2)
    return moved


def encode(strokes: NDArray[np.float64], size: int) -> bytes:
    """The strokes as a PNG of `size` x `size` pixels of 1 bit, ink = 0."""
    image = Image.new("1", (size, size), color=1)
    pen = ImageDraw.Draw(image)
    for curve in _bezier(strokes) * size:
        pen.line([(x, y) for x, y in curve.tolist()], fill=0, width=max(1, round(size / 35)))
    buffer = BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _bezier(strokes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along each stroke, `[strokes, CURVE_POINTS, 2]`: sum of C(3, k) t^k (1 - t)^(3 - k) p_k."""
    t = np.linspace(0.0, 1.0, CURVE_POINTS)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    points: NDArray[np.float64] = weights @ strokes
    return points
