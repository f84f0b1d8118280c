"""Drawings deformed at random, each in its own way, a whole batch at once on its device."""

import math
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, pad

from episodic.errors import require

KNOTS = 5  # of the elastic displacement, along each side
#: The random numbers that a drawing takes for its affine map.
ANGLE, SCALE_X, SCALE_Y, SHEAR, SHIFT_X, SHIFT_Y, NUMBERS = range(7)


class Augmentation(TypedDict, total=False):
    """Strengths of `augment`; those that are left out are 0."""

    degrees: float
    scale: float
    shear: float
    translate: float
    stroke: float
    elastic: float


class Affine(NamedTuple):
    """Maps of the plane, one for each drawing: `p -> matrix p + shift`; the drawing's side runs from -1 to 1."""

    matrix: Tensor  # [B, 2, 2], to (x, y) from (x, y)
    shift: Tensor  # [B, 2]


def augment(
    images: Tensor,
    generator: torch.Generator | None = None,
    *,
    degrees: float = 0.0,
    scale: float = 0.0,
    shear: float = 0.0,
    translate: float = 0.0,
    stroke: float = 0.0,
    elastic: float = 0.0,
) -> Tensor:
    """Deform drawings `[B, 1, S, S]` in [0, 1], ink = 1; strengths of 0 leave them as they are.

    Args:
        images: drawings; what leaves the picture is lost, what enters it has no ink.
        generator: of the random numbers, on any device; None takes torch's own.
        degrees: turned by up to so much either way.
        scale: stretched by factors of 1 / (1 + scale) to 1 + scale, width and height each by its own.
        shear: slanted by up to so many degrees either way.
        translate: moved by up to so much of the side, along each axis.
        stroke: thickened or thinned by up to this share of a pixel's breadth on each side, 0 to 1.
        elastic: standard deviation of a smooth displacement, as a part of the side.

    Raises:
        InputError: a strength out of its range, images of another shape.
    """
    require_strengths(degrees=degrees, scale=scale, shear=shear, translate=translate, stroke=stroke, elastic=elastic)
    require(
        images.dim() == 4 and images.shape[1] == 1 and images.shape[2] == images.shape[3],
        f"images have shape {tuple(images.shape)}: square drawings [B, 1, S, S] are expected",
    )
    if max(degrees, scale, shear, translate, elastic) > 0:
        affine = draw_affine(images, generator, degrees, scale, shear, translate)
        images = warp(images, affine, draw_displacement(images, generator, elastic) if elastic > 0 else None)
    if stroke > 0:
        images = change_stroke(images, stroke * _uniform(images, (len(images),), generator))
    return images


def require_strengths(**strengths: float) -> None:
    """Raise `InputError` for the first of `augment`'s strengths that is out of its range."""
    largest = {"degrees": 180.0, "scale": 4.0, "shear": 80.0, "translate": 1.0, "stroke": 1.0, "elastic": 0.5}
    for name, strength in strengths.items():
        limit = largest[name]
        require(0.0 <= strength <= limit, f"{name} is {strength}: it has to lie between 0 and {limit:g}")


def _uniform(images: Tensor, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Numbers between -1 and 1 on the images' device, drawn on the generator's."""
    device = images.device if generator is None else generator.device
    return (torch.rand(shape, generator=generator, device=device, dtype=torch.float32) * 2 - 1).to(images.device)


def deform(
    images: Tensor, degrees: float, width: float, height: float, slant: float, right: float, down: float
) -> Tensor:
    """All drawings `[B, 1, S, S]` deformed in the same way.

    Args:
        images: drawings in [0, 1], ink = 1.
        degrees: turned from x towards y, which points down.
        width: factor that they are stretched by.
        height: likewise.
        slant: of vertical lines, in degrees.
        right: moved by so much of the side.
        down: likewise.
    """
    count = len(images)

    def each(*numbers: float) -> Tensor:
        return torch.tensor(numbers, device=images.device, dtype=torch.float32).expand(count, len(numbers))

    angle, tilt = each(math.radians(degrees)).squeeze(1), each(math.radians(slant)).squeeze(1)
    return warp(images, inverse_affine(angle, each(width, height), tilt, each(2 * right, 2 * down)))


def draw_affine(
    images: Tensor, generator: torch.Generator | None, degrees: float, scale: float, shear: float, translate: float
) -> Affine:
    """Random maps from a deformed drawing's points to the original's, `[B, ...]`."""
    numbers = _uniform(images, (len(images), NUMBERS), generator).unbind(dim=1)
    angle, slant = math.radians(degrees) * numbers[ANGLE], math.radians(shear) * numbers[SHEAR]
    factors = torch.stack([numbers[SCALE_X], numbers[SCALE_Y]], dim=1) * math.log1p(scale)
    shift = 2 * translate * torch.stack([numbers[SHIFT_X], numbers[SHIFT_Y]], dim=1)
    return inverse_affine(angle, factors.exp(), slant, shift)


def inverse_affine(angle: Tensor, factors: Tensor, slant: Tensor, shift: Tensor) -> Affine:
    """Inverses of the maps `p -> R(angle) H(slant) diag(factors) p + shift`.

    H(s) = [[1, tan s], [0, 1]]; R turns from x towards y, which points down. The inverse is
    diag(1 / factors) H(-s) R(-angle) (p - shift), here written out: a matrix product would be rounded to 16 bits
    where autocast is on, and move the pixels.

    Args:
        angle: `[B]` in radians.
        factors: of width and height, `[B, 2]`.
        slant: `[B]` in radians.
        shift: `[B, 2]`, the side being 2.
    """
    cos, sin, tan = angle.cos(), angle.sin(), slant.tan()
    rows = [torch.stack([cos + tan * sin, sin - tan * cos], dim=1), torch.stack([-sin, cos], dim=1)]
    matrix = torch.stack(rows, dim=1) / factors.unsqueeze(2)
    return Affine(matrix, -(matrix * shift.unsqueeze(1)).sum(dim=2))


def draw_displacement(images: Tensor, generator: torch.Generator | None, elastic: float) -> Tensor:
    """Smooth random displacements `[B, 2, S, S]` of (x, y), the side being 2: cubic between normal numbers at knots.

    Simard, Steinkraus & Platt 2003 smooth noise of every pixel with a Gaussian. Differs from the paper: a few random
    numbers at the knots of a grid, which is as smooth and takes less.
    """
    device = images.device if generator is None else generator.device
    knots = torch.randn((len(images), 2, KNOTS, KNOTS), generator=generator, device=device, dtype=torch.float32)
    eye = torch.eye(KNOTS, device=images.device, dtype=torch.float32)[None, None]
    rise = interpolate(eye, size=(images.shape[-1], KNOTS), mode="bicubic", align_corners=True)[0, 0]  # [S, KNOTS]
    with torch.autocast(images.device.type, enabled=False):
        return rise @ (knots.to(images.device) * (2 * elastic)) @ rise.T


def warp(images: Tensor, affine: Affine, displacement: Tensor | None = None) -> Tensor:
    """Drawings `[B, 1, S, S]` whose point p has the ink of the originals at `matrix p + shift + displacement(p)`.

    Bilinear between pixels, no ink outside; displacement `[B, 2, S, S]`.
    """
    side = images.shape[-1]
    centres = (torch.arange(side, device=images.device, dtype=torch.float32) * 2 + 1) / side - 1
    x, y = centres.view(1, 1, side), centres.view(1, side, 1)
    matrix, shift = affine.matrix[..., None, None], affine.shift[..., None, None]  # [B, 2, 2, 1, 1], [B, 2, 1, 1]
    points = [matrix[:, axis, 0] * x + (matrix[:, axis, 1] * y + shift[:, axis]) for axis in (0, 1)]
    if displacement is not None:
        points = [point.add_(moved) for point, moved in zip(points, displacement.unbind(dim=1), strict=True)]
    # In 32 bits whatever the images have: fewer would not tell the middle of a pixel from its edge.
    warped: Tensor = grid_sample(images.float(), torch.stack(points, dim=-1), padding_mode="zeros", align_corners=False)
    return warped.clamp_(0.0, 1.0).to(images.dtype)  # weights of pixels may add up to a little more than 1


def change_stroke(images: Tensor, weight: Tensor) -> Tensor:
    """Thicken (weight > 0) or thin (< 0) the strokes of drawings `[B, 1, S, S]`; weights `[B]` from -1 to 1.

    `(1 - |w|) x + |w| m`, with m the largest, or smallest, ink within one pixel of each.
    """
    weight = weight.to(images.dtype).view(-1, 1, 1, 1)
    sign = torch.where(weight < 0, -1.0, 1.0).to(images.dtype)
    return torch.lerp(images, sign * most_around(sign * images), weight.abs())


def most_around(images: Tensor) -> Tensor:
    """The largest value within one pixel of each, `[B, 1, S, S]`; several times as quick as `max_pool2d` on a CPU."""
    for dim in (2, 3):
        side = images.shape[dim]
        wide = pad(images, (0, 0, 1, 1) if dim == 2 else (1, 1, 0, 0), value=-math.inf)
        shifted = [wide.narrow(dim, start, side) for start in range(3)]
        images = torch.maximum(torch.maximum(shifted[0], shifted[1]), shifted[2])
    return images
