"""What a pen leaves on a page of pixels that goes along smooth curves."""

import numpy as np
from numpy.typing import NDArray

CURVE_POINTS = 128  # that the pen goes through on each curve; fewer show as dots on a large loop


def bernstein(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a cubic Bezier curve's control points at places t, `[..., 4]`: C(3, k) t^k (1 - t)^(3 - k)."""
    t, rest = places, 1 - places
    weights: NDArray[np.float64] = np.stack([rest**3, 3 * t * rest**2, 3 * t**2 * rest, t**3], axis=-1)
    return weights


def draw(
    curves: NDArray[np.float64], pages: NDArray[np.intp], size: int, widths: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Pages after the pen has gone along curves on them.

    Args:
        curves: control points of R cubic Bezier curves, `[R, 4, 2]`; a page is the unit square, x to the right and
            y down. What lies outside is not seen.
        pages: the page that each curve is on, `[R]`, 0 to N - 1.
        size: side S of a page in pixels.
        widths: of the pen that each page is drawn with, in pixels, `[N]`, at least 1.

    Returns:
        `[N, S, S]` uint8, ink = 255 and paper = 0.
    """
    margin = int(widths.max())  # wider than what the pen reaches: what is left here does not show
    side = size + 2 * margin
    points = bernstein(np.linspace(0.0, 1.0, CURVE_POINTS)) @ curves * size
    pixels = np.clip(np.floor(points).astype(np.intp) + margin, 0, side - 1)
    dots = np.zeros((len(widths), side, side), dtype=np.uint8)
    dots[pages[:, None], pixels[..., 1], pixels[..., 0]] = 255
    for width in np.unique(widths).tolist():
        dots[widths == width] = _widened(dots[widths == width], width)
    return dots[:, margin:-margin, margin:-margin]


def _widened(dots: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Every dot as a square of `width` pixels; from 3 on without its corners."""
    if width < 3:
        return _stretched(_stretched(dots, width, axis=1), width, axis=2)
    core = _stretched(_stretched(dots, width - 2, axis=1), width - 2, axis=2)
    return _stretched(core, 3, axis=1) | _stretched(core, 3, axis=2)


def _stretched(images: NDArray[np.uint8], length: int, axis: int) -> NDArray[np.uint8]:
    """Every pixel of ink as a row of `length` along the axis, with the pixel in its middle."""
    stretched: NDArray[np.uint8] = images.copy()
    for shift in range(-((length - 1) // 2), length // 2 + 1):
        if shift:
            stretched |= np.roll(images, shift, axis=axis)
    return stretched
