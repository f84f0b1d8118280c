"""Drawings as PNG files of one bit."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from episodic.drawings.handwriting.drawers import PEN
from episodic.drawings.handwriting.pen import draw


def to_png(ink: NDArray[np.uint8]) -> bytes:
    """Encode a drawing `[S, S]` with ink = 255 as a PNG of one bit with ink = 0.

    >>> to_png(np.zeros((28, 28), dtype=np.uint8))[1:4]
    b'PNG'
    """
    image = Image.frombytes("1", ink.shape, np.packbits(ink == 0, axis=1).tobytes())
    buffer = BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def strokes_to_png(strokes: NDArray[np.float64], size: int) -> bytes:
    """Draw cubic Bezier curves `[R, 4, 2]` in the unit square as a PNG of `size` x `size` pixels.

    >>> strokes_to_png(np.array([[[0.2, 0.5], [0.4, 0.5], [0.6, 0.5], [0.8, 0.5]]]), 105)[1:4]
    b'PNG'
    """
    widths = np.array([max(1, round(size / PEN))])
    return to_png(draw(strokes, np.zeros(len(strokes), dtype=np.intp), size, widths)[0])
