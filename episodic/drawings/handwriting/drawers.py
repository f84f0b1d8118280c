"""Drawings of a character by several people: the same strokes, each time a little different."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from episodic.drawings.handwriting.characters import HEADING, LENGTH, START_BEND, Array, Stroke, Style
from episodic.drawings.handwriting.pen import bernstein, draw

PEN = 21  # side of a page in units of the pen's width
FINE_PEN = 26
EDGE = 0.05  # free margin of a page
#: Standard deviations between drawings; angles in radians, lengths in a character's unit.
STROKE_TURN, PIECE_TURN, BEND, BEND_SHARE = 0.05, 0.11, 0.11, 0.13
STROKE_LENGTH, PIECE_LENGTH = 0.08, 0.15  # of the logarithm
PLACE, CROSSING, START, MISS = 0.04, 0.07, 0.055, 0.025


class Drawers(NamedTuple):
    """The habits of D people, each of whom draws every character of an alphabet once."""

    sloppiness: Array  # [D], 1 is typical
    slant: Array  # [D], to the right
    turn: Array  # [D], radians
    size: Array  # [D], logarithm
    stretch: Array  # [D], logarithm of the height over the width
    pen: NDArray[np.intp]  # [D], side of the page in units of the pen's width


def draw_drawers(drawers: int, generator: np.random.Generator) -> Drawers:
    """Draw the habits of some people.

    >>> draw_drawers(3, np.random.default_rng(0)).pen.tolist()
    [21, 26, 26]
    """
    deviations = {"slant": 0.09, "turn": 0.05, "size": 0.08, "stretch": 0.07}
    return Drawers(
        sloppiness=np.exp(generator.normal(-0.1, 0.35, size=drawers)),
        pen=np.where(generator.random(drawers) < 0.8, PEN, FINE_PEN),
        **{name: generator.normal(0.0, deviation, size=drawers) for name, deviation in deviations.items()},
    )


def draw_drawings(
    strokes: list[Stroke], style: Style, drawers: Drawers, size: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Let each of D drawers draw the character: `[D, size, size]`, ink = 255."""
    # The first drawing is the character itself, undistorted: it sets the size of the others.
    sloppiness = np.concatenate([[0.0], drawers.sloppiness])
    traces = trace([perturb(stroke, sloppiness, generator) for stroke in strokes])
    curves = _on_pages(np.concatenate(traces, axis=1), style, drawers, generator)
    pages = np.repeat(np.arange(len(curves)), curves.shape[1])
    widths = np.maximum(1, np.round(size / drawers.pen)).astype(np.intp)
    return draw(curves.reshape(-1, 4, 2), pages, size, widths)


def perturb(stroke: Stroke, sloppiness: Array, generator: np.random.Generator) -> Stroke:
    """Vary the stroke for D drawers of the given sloppiness `[D]`; 0 changes nothing."""

    def noise(deviation: float, *shape: int) -> Array:
        deviations = deviation * sloppiness.reshape(-1, *[1] * len(shape))
        return generator.normal(0.0, 1.0, size=(len(sloppiness), *shape)) * deviations

    count = len(stroke.pieces)
    pieces = np.repeat(stroke.pieces[None], len(sloppiness), axis=0)
    pieces[..., HEADING] += noise(STROKE_TURN, 1) + noise(PIECE_TURN, count)
    pieces[..., LENGTH] *= np.exp(noise(STROKE_LENGTH, 1) + noise(PIECE_LENGTH, count))
    pieces[..., START_BEND:] *= 1 + noise(BEND_SHARE, count, 1)
    pieces[..., START_BEND:] += noise(BEND, count, 2)
    apart, crossing = stroke.relation == "apart", stroke.before > 0
    within = (stroke.positions > 0) & (stroke.positions < 1)  # a stroke attached to an end stays there
    return stroke._replace(
        pieces=pieces,
        start=stroke.start + noise(START if apart else MISS, 2),
        positions=np.clip(stroke.positions + within * noise(PLACE, 2), 0.0, 1.0),
        before=stroke.before + crossing * noise(CROSSING) + np.abs(noise(MISS)),
    )


def trace(strokes: list[Stroke]) -> list[Array]:
    """Return the control points of every stroke's pieces, `[D, P, 4, 2]` each, in D drawings."""
    traces: list[Array] = []
    for stroke in strokes:
        ends = [along(traces[n], stroke.positions[:, k]) for k, n in enumerate(stroke.earlier) if traces]
        pieces = stroke.pieces if stroke.relation != "bridge" else _spanning(stroke.pieces, ends[1] - ends[0])
        points = control_points(pieces)
        start = stroke.start
        if stroke.relation != "apart":
            start = start + ends[0]
        if stroke.relation == "attached":
            start = start - stroke.before[:, None] * points[:, 0, 3]
        joints = np.cumsum(points[:, :, 3], axis=1) - points[:, :, 3]
        traces.append(points + (start[:, None] + joints)[:, :, None])
    return traces


def control_points(pieces: Array) -> Array:
    """Return the cubic Bezier curves `[..., 4, 2]` of pieces `[..., 4]` that start at the origin.

    If both bends equal the angle a, the curve follows the arc of a circle: its inner control points are
    2/3 tan(a / 2) / sin(a) lengths away from the ends. Otherwise a is the mean of the bends.

    >>> control_points(np.array([0.0, 3.0, 0.0, 0.0])).round(2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    """
    heading, length, first, last = np.moveaxis(pieces, -1, 0)
    angle = np.clip(np.abs(first + last) / 2, 1e-3, 2.5)
    handle = 2 / 3 * np.tan(angle / 2) / np.sin(angle) * length
    end = _polar(heading, length)
    inner = _polar(heading - first, handle), end - _polar(heading + last, handle)
    points: Array = np.stack([np.zeros_like(end), *inner, end], axis=-2)
    return points


def _polar(angle: Array, length: Array) -> Array:
    vectors: Array = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * np.asarray(length)[..., None]
    return vectors


def _spanning(pieces: Array, chord: Array) -> Array:
    """Stretch the single piece `[D, 1, 4]` over a chord `[D, 2]`; chords shorter than 0.1 count as 0.1."""
    spanning: Array = pieces.copy()
    spanning[:, 0, HEADING] += np.arctan2(chord[:, 1], chord[:, 0])
    spanning[:, 0, LENGTH] = np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 0.1)
    return spanning


def along(curves: Array, positions: Array) -> Array:
    """Return the points `[D, 2]` at positions `[D]` on strokes `[D, P, 4, 2]`; 0 is a stroke's start, 1 its end."""
    scaled = positions * curves.shape[1]
    index = np.minimum(scaled.astype(np.intp), curves.shape[1] - 1)
    points: Array = np.einsum("dk,dkx->dx", bernstein(scaled - index), curves[np.arange(len(curves)), index])
    return points


def _on_pages(curves: Array, style: Style, drawers: Drawers, generator: np.random.Generator) -> Array:
    """Lay out all but the first drawing of the curves `[1 + D, P, 4, 2]` on a unit square each: `[D, P, 4, 2]`."""
    low, high = _box(curves[:1])
    extent = generator.normal(style.extent, 0.08) * (curves.shape[1] / 3) ** 0.12  # complex characters are larger
    scale = np.clip(extent, 0.35, 0.75) / np.maximum((high - low).max(), 0.05)
    matrix = scale * _transformation(style, drawers, generator)
    moved = (curves[1:] - (low + high) / 2) @ matrix[:, None].swapaxes(-1, -2)
    return _kept_inside(moved, generator.normal([0.485, 0.48], 0.035, size=(len(moved), 2)))


def _transformation(style: Style, drawers: Drawers, generator: np.random.Generator) -> Array:
    """Return matrices `[D, 2, 2]` that stretch, then slant, then turn each drawing."""
    noise = generator.normal(0.0, [[0.06], [0.06], [0.05], [0.04]], size=(4, len(drawers.turn)))
    size, slant, turn = drawers.size + noise[0], drawers.slant + noise[2], drawers.turn + noise[3]
    stretch = (style.stretch + drawers.stretch + noise[1]) / 2
    width, height = np.exp(size - stretch), np.exp(size + stretch)
    across = _polar(turn, width)
    down = _polar(turn + np.pi / 2, height) - _polar(turn, slant * height)
    matrices: Array = np.stack([across, down], axis=-1)
    return matrices


def _kept_inside(curves: Array, middles: Array) -> Array:
    """Move curves `[D, P, 4, 2]` by `middles` `[D, 2]`; shrink or move back those that would leave the page."""
    low, high = _box(curves)
    factor = np.minimum(1.0, (1 - 2 * EDGE) / (high - low).max(axis=-1, keepdims=True))
    middles = np.clip(middles, EDGE - factor * low, 1 - EDGE - factor * high)
    kept: Array = curves * factor[:, None, None] + middles[:, None, None]
    return kept


def _box(curves: Array) -> tuple[Array, Array]:
    """Return the smallest and largest coordinates, `[D, 2]` each, of curves `[D, P, 4, 2]`."""
    points = bernstein(np.linspace(0.0, 1.0, 9)) @ curves
    return points.min(axis=(1, 2)), points.max(axis=(1, 2))
