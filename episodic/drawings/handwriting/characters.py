"""Invented alphabets: characters made of pen strokes, strokes made of pieces.

Follows the generative model of Lake, Salakhutdinov & Tenenbaum 2015 (Science 350). A character consists of strokes. A
stroke consists of pieces, between which the pen stays down. A stroke starts anywhere, or at the start, at the end or
along an earlier stroke.

Differs from the paper: all distributions are chosen by hand and none is learned from drawings; a piece is one cubic
Bezier curve, not a B-spline; a stroke may also connect two points on earlier strokes; the characters of an alphabet
share strokes and a style.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Relation = Literal["apart", "attached", "bridge"]

#: Columns of a piece: the direction from its start to its end (0 is right, a quarter turn is down), the distance, and
#: the angles by which it starts to the left of that direction and ends to its right.
HEADING, LENGTH, START_BEND, END_BEND = range(4)
MOST_PIECES = 8  # of a character
STROKE_SHARES = np.array([0.22, 0.32, 0.26, 0.13, 0.07])  # characters of 1, 2, ... strokes
PIECE_SHARES = np.array([0.48, 0.24, 0.17, 0.11])  # strokes of 1, 2, ... pieces
LENGTHS, LENGTH_SHARES = (1.0, 0.7, 0.45), (0.4, 0.35, 0.25)  # of a stroke's pieces
#: Bends of a curved piece at its start and end in degrees, the slightest and the strongest, and its relative length.
#: An arc, a hook at the end, a hook at the start, an S, a loop.
BENDS = (
    ((25, 25), (110, 110), 1.0),
    ((-10, 60), (30, 120), 1.0),
    ((60, -10), (120, 30), 1.0),
    ((30, -30), (80, -80), 1.0),
    ((115, 115), (140, 140), 0.5),
)
BEND_SHARES = (0.6, 0.18, 0.12, 0.05, 0.05)
HEADINGS = np.radians([0.0, 0.0, 90.0, 90.0, 90.0, 45.0, 135.0])  # initial directions of strokes
CORNERS = np.radians([60.0, 90.0, 90.0, 130.0])  # between two pieces of a stroke
SHARED_STROKES = 12  # of an alphabet


class Stroke(NamedTuple):
    """One stroke of a character. In D drawings of the character all arrays have a leading dimension D."""

    pieces: Array  # [P, 4], each starts at the end of the previous one
    start: Array  # [2], relative to the anchor, or to the character's centre if the stroke is apart
    relation: Relation = "apart"
    earlier: tuple[int, int] = (0, 0)  # strokes on which it starts and (a bridge) ends
    positions: Array = np.zeros(2)  # [2], positions on these, from 0 at their starts to 1 at their ends
    before: Array = np.zeros(())  # [], share of the first piece that lies before the point of attachment


class Style(NamedTuple):
    """The common traits of an alphabet's characters."""

    straight: float  # share of straight pieces
    smooth: float  # share of curved pieces that continue without a corner
    headings: Array  # initial directions of strokes
    stroke_shares: Array  # probabilities of 1, 2, ... strokes
    piece_shares: Array  # probabilities of 1, 2, ... pieces
    extent: float  # longer side of a character relative to the page
    stretch: float  # logarithm of the ratio of height to width
    sharing: float  # share of strokes that are taken from `shared`
    shared: tuple[Array, ...] = ()  # pieces of the alphabet's shared strokes


def draw_style(generator: np.random.Generator) -> Style:
    """Draw the style of an alphabet, including its shared strokes.

    >>> len(draw_style(np.random.default_rng(0)).shared)
    12
    """
    slanted = generator.uniform(0.0, np.pi, size=5 if generator.random() < 0.5 else 0)
    style = Style(
        straight=generator.uniform(0.15, 0.8),
        smooth=generator.uniform(0.3, 0.9),
        headings=np.concatenate([HEADINGS, slanted]),
        stroke_shares=_varied(STROKE_SHARES, generator),
        piece_shares=_varied(PIECE_SHARES, generator),
        extent=generator.normal(0.57, 0.03),
        stretch=generator.normal(0.12, 0.15),
        sharing=generator.uniform(0.2, 0.6),
    )
    return style._replace(shared=tuple(draw_pieces(style, generator) for _ in range(SHARED_STROKES)))


def _varied(shares: Array, generator: np.random.Generator) -> Array:
    weights = shares * np.exp(generator.normal(0.0, 0.5, size=shares.shape))
    varied: Array = weights / weights.sum()
    return varied


def draw_pieces(style: Style, generator: np.random.Generator) -> Array:
    """Draw the pieces `[P, 4]` of a new stroke."""
    unit = generator.choice(LENGTHS, p=LENGTH_SHARES)
    pieces = np.zeros((1 + generator.choice(len(style.piece_shares), p=style.piece_shares), 4))
    for index in range(len(pieces)):
        previous = pieces[index - 1] if index else None
        bends, length = _draw_bends(style, previous, generator)
        heading = _draw_heading(style, previous, bends, generator)
        pieces[index] = heading, unit * length * generator.uniform(0.6, 1.2), *bends
    return pieces


def _draw_bends(style: Style, previous: Array | None, generator: np.random.Generator) -> tuple[Array, float]:
    """Draw the bends `[2]` of a piece and its length. A turning pen usually keeps turning the same way."""
    if generator.random() < style.straight:
        return np.full(2, generator.normal(0.0, 0.07)), 1.0
    slightest, strongest, length = BENDS[generator.choice(len(BENDS), p=BEND_SHARES)]
    bends: Array = np.radians(slightest) + generator.random() * np.radians(np.subtract(strongest, slightest))
    turning = 0.0 if previous is None else np.sign(previous[START_BEND] + previous[END_BEND])
    side = turning if turning and generator.random() < 0.7 else generator.choice([-1.0, 1.0])
    return side * bends, length


def _draw_heading(style: Style, previous: Array | None, bends: Array, generator: np.random.Generator) -> float:
    if previous is None:
        backwards = np.pi if generator.random() < 0.1 else 0.0
        return float(generator.choice(style.headings) + backwards + generator.normal(0.0, 0.12))
    if np.abs(bends).sum() > 0.35 and generator.random() < style.smooth:
        return float(previous[HEADING] + previous[END_BEND] + bends[0])
    corner = generator.choice([-1.0, 1.0]) * generator.choice(CORNERS)
    return float(previous[HEADING] + corner + generator.normal(0.0, 0.14))


def draw_character(style: Style, generator: np.random.Generator) -> list[Stroke]:
    """Draw the strokes of a new character, in the order of drawing.

    >>> generator = np.random.default_rng(0)
    >>> [len(stroke.pieces) for stroke in draw_character(draw_style(generator), generator)]
    [1, 4, 3, 1]
    """
    strokes: list[Stroke] = []
    room = MOST_PIECES
    for _ in range(1 + generator.choice(len(style.stroke_shares), p=style.stroke_shares)):
        strokes.append(_draw_stroke(style, strokes, max(1, room), generator))
        room -= len(strokes[-1].pieces)
    # A single piece carries little information, and an alphabet would soon hold it twice.
    if len(strokes) == len(strokes[0].pieces) == 1 and generator.random() < 0.85:
        return draw_character(style, generator)
    return strokes


def _draw_stroke(style: Style, strokes: list[Stroke], room: int, generator: np.random.Generator) -> Stroke:
    """Draw the next stroke: a dot, the last stroke repeated or mirrored, a shared one, or a new one."""
    kind = generator.random()
    if strokes and kind < 0.05:
        dot = np.array([[generator.uniform(0.0, np.pi), 0.06, 0.0, 0.0]])
        return Stroke(dot, generator.uniform(-0.5, 0.5, size=2))
    if strokes and kind < 0.12:  # beside the last stroke: on top of it the two would be one
        return Stroke(strokes[-1].pieces[:room], generator.uniform(-0.45, 0.45, size=2))
    if strokes and kind < 0.2:
        pieces = _mirrored(strokes[-1].pieces)
    elif generator.random() < style.sharing:
        pieces = style.shared[generator.integers(SHARED_STROKES)]
    else:
        pieces = draw_pieces(style, generator)
    stroke = Stroke(pieces[:room], generator.uniform(-0.45, 0.45, size=2))
    return _related(stroke, len(strokes), generator) if strokes and generator.random() < 0.78 else stroke


def _mirrored(pieces: Array) -> Array:
    """Exchange left and right."""
    mirrored = pieces * [-1.0, 1.0, -1.0, -1.0]
    mirrored[:, HEADING] += np.pi
    return mirrored


def _related(stroke: Stroke, count: int, generator: np.random.Generator) -> Stroke:
    """Attach the stroke to one of `count` earlier strokes, let it cross one, or let it bridge two points on them."""
    earlier = (int(generator.integers(count)), int(generator.integers(count)))
    positions = generator.choice([0.0, 1.0, 0.5, generator.random()], size=2, p=[0.2, 0.3, 0.2, 0.3])
    hung = stroke._replace(start=np.zeros(2), relation="attached", earlier=earlier, positions=positions)
    if generator.random() < 0.75:
        before = generator.choice([0.0, 0.5, generator.random()], p=[0.6, 0.25, 0.15])
        return hung._replace(before=np.array(before))
    if earlier[0] == earlier[1] and abs(positions[0] - positions[1]) < 0.3:
        hung = hung._replace(positions=np.array([0.0, 1.0] if generator.random() < 0.5 else [0.2, 0.8]))
    bend = 0.0 if generator.random() < 0.6 else generator.choice([-1.0, 1.0]) * generator.uniform(0.35, 1.4)
    return hung._replace(pieces=np.array([[0.0, 1.0, bend, bend]]), relation="bridge")
