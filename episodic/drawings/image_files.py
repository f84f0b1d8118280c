"""Read drawings from image files."""

from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from episodic.drawings.images import LARGEST, SMALLEST
from episodic.errors import InputError, require


def read_drawings(paths: Iterable[str | Path], size: int = LARGEST) -> Tensor:
    """Read image files as drawings `[N, 1, size, size]` in [0, 1] with ink = 1, as encoders of drawings take them.

    The paper is the image's median brightness. Ink is whatever is darker or lighter than that; the pixel that differs
    most becomes 1. Transparent pixels are white. An image that is not square is extended by paper on both sides.

    Args:
        paths: files in any format that Pillow reads, one drawing each, which should fill most of the image.
        size: side of a drawing in pixels, 28 or more.

    Raises:
        InputError: no paths; a size below 28; a file that is missing, no image, or blank.
    """
    require(size >= SMALLEST, f"size is {size}: it must be at least {SMALLEST}")
    drawings = [_read(Path(path), size) for path in paths]
    require(bool(drawings), "paths is empty: at least one drawing is needed")
    return torch.stack(drawings).unsqueeze(1)


def _read(path: Path, size: int) -> Tensor:
    """One drawing, `[size, size]`."""
    try:
        with Image.open(path) as image:
            coloured = ImageOps.exif_transpose(image).convert("RGBA")
    except FileNotFoundError:
        raise InputError(f"drawing {path} does not exist") from None
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"drawing {path} cannot be read as an image: {error}") from None
    white = Image.new("RGBA", coloured.size, "white")
    grey = Image.alpha_composite(white, coloured).convert("L")
    brightness = torch.frombuffer(bytearray(grey.tobytes()), dtype=torch.uint8).view(grey.height, grey.width).float()
    ink = (brightness - brightness.median()).abs()
    require(bool(ink.max() > 0), f"drawing {path} is blank: it needs ink that is darker or lighter than its paper")
    return _square(ink / ink.max(), size)


def _square(ink: Tensor, size: int) -> Tensor:
    """A drawing `[H, W]` in the middle of a square of paper, brought to `[size, size]`."""
    height, width = ink.shape
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    square = torch.nn.functional.pad(ink, (left, side - width - left, top, side - height - top))
    image = square.view(1, 1, side, side)
    resized = torch.nn.functional.interpolate(image, (size, size), mode="bilinear", antialias=side > size)
    return resized.view(size, size).clamp(0, 1)
