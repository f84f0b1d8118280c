"""A pen that draws smooth curves on a page of pixels."""

import numpy as np
from numpy.typing import NDArray

CURVE_POINTS = 128  # points drawn on each curve; with fewer, a large loop falls apart into dots


def bernstein(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of a cubic Bezier curve's control points at t, `[..., 4]`: C(3, k) t^k (1 - t)^(3 - k).

    >>> bernstein(np.array(0.5)).tolist()
    [0.125, 0.375, 0.375, 0.125]
    """
    rest = 1 - t
    weights: NDArray[np.float64] = np.stack([rest**3, 3 * t * rest**2, 3 * t**2 * rest, t**3], axis=-1)
    return weights


def draw(
    curves: NDArray[np.float64], pages: NDArray[np.intp], size: int, widths: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Draw curves on pages.

    Args:
        curves: Control points of R cubic Bezier curves, `[R, 4, 2]`; a page is the unit square, x to the right and
            y down. Ink outside the page is cut off.
        pages: Page of each curve, `[R]`, 0 to N - 1.
        size: Side S of a page in pixels.
        widths: Width of each page's pen in pixels, `[N]`, at least 1.

    Returns:
        `[N, S, S]` uint8, ink = 255 and paper = 0.

    >>> line = np.array([[[0.0, 0.6], [0.3, 0.6], [0.7, 0.6], [1.0, 0.6]]])
    >>> draw(line, np.array([0]), 4, np.array([1])).tolist()
    [[[0, 0, 0, 0], [0, 0, 0, 0], [255, 255, 255, 255], [0, 0, 0, 0]]]
    """
    margin = int(widths.max())  # ink clipped into the margin stays invisible: the pen reaches less far than this
    side = size + 2 * margin
    points = bernstein(np.linspace(0.0, 1.0, CURVE_POINTS)) @ curves * size
    pixels = np.clip(np.floor(points).astype(np.intp) + margin, 0, side - 1)
    dots = np.zeros((len(widths), side, side), dtype=np.uint8)
    dots[pages[:, None], pixels[..., 1], pixels[..., 0]] = 255
    for width in np.unique(widths).tolist():
        dots[widths == width] = _widened(dots[widths == width], width)
    return dots[:, margin:-margin, margin:-margin]


def _widened(dots: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Widen every dot to a square of `width` pixels, without its corners from a width of 3 on."""
    if width < 3:
        return _stretched(_stretched(dots, width, axis=1), width, axis=2)
    core = _stretched(_stretched(dots, width - 2, axis=1), width - 2, axis=2)
    return _stretched(core, 3, axis=1) | _stretched(core, 3, axis=2)


def _stretched(images: NDArray[np.uint8], length: int, axis: int) -> NDArray[np.uint8]:
    """Widen every pixel of ink to a row of `length` pixels along the axis, centred on it."""
    stretched: NDArray[np.uint8] = images.copy()
    for shift in range(-((length - 1) // 2), length // 2 + 1):
        if shift:
            stretched |= np.roll(images, shift, axis=axis)
    return stretched
