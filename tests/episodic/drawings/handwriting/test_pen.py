"""The pen against loops over points and pixels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from episodic.drawings.handwriting.pen import CURVE_POINTS, bernstein, draw


def de_casteljau(points: NDArray[np.float64], place: float) -> NDArray[np.float64]:
    """A point on a Bezier curve, by halving: each round takes the points between neighbours."""
    while len(points) > 1:
        points = (1 - place) * points[:-1] + place * points[1:]
    point: NDArray[np.float64] = points[0]
    return point


def drawn(curves: NDArray[np.float64], size: int, width: int) -> NDArray[np.uint8]:
    """One page, pixel by pixel."""
    page = np.zeros((size, size), dtype=np.uint8)
    reach = [offset for offset in range(-width, width + 1) if -((width - 1) // 2) <= offset <= width // 2]
    edges = {reach[0], reach[-1]}
    for curve in curves:
        for place in np.linspace(0.0, 1.0, CURVE_POINTS):
            column, row = np.floor(de_casteljau(curve, place) * size).astype(int)
            for down in reach:
                for right in reach:
                    corner = width >= 3 and down in edges and right in edges
                    if not corner and 0 <= row + down < size and 0 <= column + right < size:
                        page[row + down, column + right] = 255
    return page


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_pages_are_those_of_a_loop(width: int) -> None:
    curves = np.random.default_rng(width).uniform(-0.3, 1.3, (5, 4, 2))  # in part outside the page
    pages = draw(curves, np.array([0, 0, 2, 1, 1]), 31, np.array([width, width, 1]))
    for page, chosen, pen in ((0, [0, 1], width), (1, [3, 4], width), (2, [2], 1)):
        np.testing.assert_array_equal(pages[page], drawn(curves[chosen], 31, pen))


def test_a_page_without_curves_is_empty() -> None:
    assert draw(np.zeros((0, 4, 2)), np.zeros(0, dtype=np.intp), 9, np.array([2, 3])).sum() == 0


def test_far_outside_is_not_seen() -> None:
    curves = np.random.default_rng(0).uniform(1.5, 9.0, (6, 4, 2)) * np.array([[1.0, 1.0], [-1.0, 1.0]])[
        :, None
    ].repeat(3, 0).reshape(6, 1, 2)
    assert draw(curves, np.zeros(6, dtype=np.intp), 30, np.array([5])).sum() == 0


def test_weights_are_those_of_a_bezier_curve() -> None:
    generator = np.random.default_rng(1)
    points, places = generator.normal(size=(4, 2)), generator.uniform(size=7)
    expected = [de_casteljau(points, place) for place in places]
    np.testing.assert_allclose(bernstein(places) @ points, expected, atol=1e-12)
