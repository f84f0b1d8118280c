"""Strokes hang together as they are said to, and each drawing of them is a little different."""

import numpy as np
import pytest
from scipy.ndimage import label

from episodic.drawings.handwriting.characters import MOST_PIECES, Array, Stroke, draw_character, draw_style
from episodic.drawings.handwriting.drawers import (
    Drawers,
    along,
    control_points,
    draw_drawers,
    draw_drawings,
    perturb,
    trace,
)
from episodic.drawings.handwriting.pen import bernstein

CORNER = np.array([[0.0, 2.0, 0.0, 0.0], [np.pi / 2, 1.0, 0.0, 0.0]])  # two to the right, one down


def points_on(curve: Array, count: int = 50) -> Array:
    """Points `[count, 2]` on one curve `[4, 2]`."""
    points: Array = bernstein(np.linspace(0.0, 1.0, count)) @ curve
    return points


def traced(*strokes: Stroke) -> list[Array]:
    """The curves of each stroke, `[P, 4, 2]`, without noise."""
    generator = np.random.default_rng(0)
    return [curves[0] for curves in trace([perturb(stroke, np.zeros(1), generator) for stroke in strokes])]


@pytest.mark.parametrize("degrees", [10, 45, 90])
def test_equal_bends_are_an_arc_of_a_circle(degrees: float) -> None:
    bend = np.radians(degrees)
    curve = points_on(control_points(np.array([0.3, 2.0, bend, bend])))
    # The centre is on the chord's perpendicular bisector, the radius 1 / sin(bend) for a chord of 2.
    centre = np.array([np.cos(0.3), np.sin(0.3)]) + np.array([-np.sin(0.3), np.cos(0.3)]) / np.tan(bend)
    np.testing.assert_allclose(np.hypot(*(curve - centre).T), 1 / np.sin(bend), rtol=0.02)


def test_a_piece_sets_out_and_comes_in_by_its_bends() -> None:
    points = control_points(np.array([0.5, 1.5, 0.4, -0.2]))
    out, come = points[1] - points[0], points[3] - points[2]
    np.testing.assert_allclose(points[3], 1.5 * np.array([np.cos(0.5), np.sin(0.5)]))
    assert np.arctan2(out[1], out[0]) == pytest.approx(0.5 - 0.4)
    assert np.arctan2(come[1], come[0]) == pytest.approx(0.5 - 0.2)


def test_a_straight_piece_is_straight() -> None:
    curve = points_on(control_points(np.array([0.0, 3.0, 0.0, 0.0])))
    np.testing.assert_allclose(curve[:, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(curve[:, 0], np.linspace(0.0, 3.0, 50), atol=1e-5)


def test_pieces_follow_one_another() -> None:
    (curves,) = traced(Stroke(CORNER, np.array([0.5, -0.5])))
    np.testing.assert_allclose(curves[:, 0], [[0.5, -0.5], [2.5, -0.5]], atol=1e-9)
    np.testing.assert_allclose(curves[:, 3], [[2.5, -0.5], [2.5, 0.5]], atol=1e-9)


@pytest.mark.parametrize(
    ("place", "point"), [(0.0, (0, 0)), (0.25, (1, 0)), (0.5, (2, 0)), (0.75, (2, 0.5)), (1.0, (2, 1))]
)
def test_a_stroke_hangs_on_an_earlier_one(place: float, point: tuple[float, float]) -> None:
    first = Stroke(CORNER, np.zeros(2))
    tick = np.array([[np.pi / 2, 0.4, 0.0, 0.0]])
    hung = Stroke(tick, np.zeros(2), "attached", (0, 0), np.array([place, 0.0]))
    np.testing.assert_allclose(traced(first, hung)[1][0, 0], point, atol=1e-4)
    crossing = traced(first, hung._replace(before=np.array(0.5)))[1]
    np.testing.assert_allclose(crossing[0, [0, 3]].mean(axis=0), point, atol=1e-4)
    np.testing.assert_allclose(along(traced(first)[0][None], np.array([place]))[0], point, atol=1e-4)


def test_a_bridge_leads_from_one_stroke_to_another() -> None:
    first, second = Stroke(CORNER, np.zeros(2)), Stroke(CORNER, np.array([0.0, 3.0]))
    bridge = Stroke(np.array([[0.0, 1.0, 0.3, 0.3]]), np.zeros(2), "bridge", (0, 1), np.array([1.0, 0.0]))
    (curve,) = traced(first, second, bridge)[2]
    np.testing.assert_allclose(curve[[0, 3]], [[2.0, 1.0], [0.0, 3.0]], atol=1e-9)


def test_sloppiness_moves_every_drawing_otherwise_and_none_moves_nothing() -> None:
    stroke = Stroke(CORNER, np.zeros(2), "attached", (0, 0), np.array([0.5, 1.0]), np.array(0.5))
    drawn = perturb(stroke, np.array([0.0, 1.0, 1.0, 4.0]), np.random.default_rng(0))
    for name in ("pieces", "start", "positions", "before"):
        values = getattr(drawn, name)
        assert np.array_equal(values[0], getattr(stroke, name)), name
        assert not np.array_equal(values[1], values[2]), name
    assert (drawn.positions[:, 1] == 1.0).all()  # what starts at an end stays there


def test_strokes_lean_on_earlier_ones_alone() -> None:
    generator = np.random.default_rng(0)
    relations = set()
    for _ in range(20):
        style = draw_style(generator)
        for character in (draw_character(style, generator) for _ in range(20)):
            assert sum(len(stroke.pieces) for stroke in character) <= MOST_PIECES + len(character)
            for number, stroke in enumerate(character):
                assert stroke.relation == "apart" or max(stroke.earlier) < number
                relations.add(stroke.relation)
    assert relations == {"apart", "attached", "bridge"}


def test_an_alphabets_characters_share_strokes() -> None:
    generator = np.random.default_rng(1)
    styles = [draw_style(generator) for _ in range(2)]
    strokes = [
        {stroke.pieces.tobytes() for _ in range(40) for stroke in draw_character(style, generator)} for style in styles
    ]
    for style, own, others in zip(styles, strokes, reversed(strokes), strict=True):
        shared = {pieces.tobytes() for pieces in style.shared}
        assert len(shared & own) > 6
        assert not shared & others


def mean_slant(drawers: Drawers) -> Array:
    """By how much each drawing of one vertical line leans to the right, in radians."""
    style = draw_style(np.random.default_rng(0))
    line = Stroke(np.array([[np.pi / 2, 1.0, 0.0, 0.0]]), np.zeros(2))
    images = draw_drawings([line], style, drawers, 105, np.random.default_rng(2))
    leaning = []
    for image in images:
        rows, columns = np.nonzero(image)
        leaning.append(np.arctan(-np.polyfit(rows, columns, 1)[0]))
    return np.array(leaning)


def test_a_drawers_habits_show() -> None:
    drawers = draw_drawers(200, np.random.default_rng(1))
    upright = drawers._replace(slant=np.zeros(200), turn=np.zeros(200))
    leaning = upright._replace(slant=np.full(200, 0.5))
    turned = upright._replace(turn=np.full(200, 0.5))
    assert abs(mean_slant(upright).mean()) < 0.04
    assert mean_slant(leaning).mean() == pytest.approx(np.arctan(0.5), abs=0.05)
    assert mean_slant(turned).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("bend", [0.0, 1.2, 2.4])
@pytest.mark.parametrize("size", [40, 105])
def test_a_stroke_is_drawn_without_gaps(bend: float, size: int) -> None:
    style = draw_style(np.random.default_rng(0))._replace(extent=0.9)
    piece = Stroke(np.array([[1.0, 1.0, bend, bend]]), np.zeros(2))
    drawers = draw_drawers(50, np.random.default_rng(1))
    for image in draw_drawings([piece], style, drawers, size, np.random.default_rng(2)):
        assert label(image, structure=np.ones((3, 3)))[1] == 1
