"""Deformations of drawings by given affine maps, displacements and stroke weights."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, pad


class Affine(NamedTuple):
    """Affine maps of the plane, one for each drawing: `p -> matrix p + shift`. A drawing's side runs from -1 to 1."""

    matrix: Tensor  # [B, 2, 2], to (x, y) from (x, y)
    shift: Tensor  # [B, 2]


def deform(
    images: Tensor, degrees: float, width: float, height: float, slant: float, right: float, down: float
) -> Tensor:
    """Deform all drawings `[B, 1, S, S]` in the same way.

    Args:
        images: Drawings in [0, 1], ink = 1.
        degrees: Rotation from x towards y, which points down.
        width: Factor of the width.
        height: Factor of the height.
        slant: Slant of vertical lines in degrees.
        right: Shift to the right as a share of the side.
        down: Shift downwards as a share of the side.

    >>> images = torch.eye(28).view(1, 1, 28, 28)
    >>> bool(torch.allclose(deform(images, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0), images, atol=1e-5))
    True
    """
    count = images.shape[0]  # len() would make it a constant of an exported network

    def each(*numbers: float) -> Tensor:
        return torch.tensor(numbers, device=images.device, dtype=torch.float32).expand(count, len(numbers))

    angle, tilt = each(math.radians(degrees)).squeeze(1), each(math.radians(slant)).squeeze(1)
    return warp(images, inverse_affine(angle, each(width, height), tilt, each(2 * right, 2 * down)))


def inverse_affine(angle: Tensor, factors: Tensor, slant: Tensor, shift: Tensor) -> Affine:
    """Return the inverses of the maps `p -> R(angle) H(slant) diag(factors) p + shift`.

    H(s) = [[1, tan s], [0, 1]]; R turns from x towards y, which points down. The inverse is
    diag(1 / factors) H(-s) R(-angle) (p - shift). It is written out, because autocast would round a matrix product to
    16 bits and shift the pixels.

    Args:
        angle: `[B]` in radians.
        factors: Factors of width and height, `[B, 2]`.
        slant: `[B]` in radians.
        shift: `[B, 2]`, where a side has length 2.
    """
    cos, sin, tan = angle.cos(), angle.sin(), slant.tan()
    rows = [torch.stack([cos + tan * sin, sin - tan * cos], dim=1), torch.stack([-sin, cos], dim=1)]
    matrix = torch.stack(rows, dim=1) / factors.unsqueeze(2)
    return Affine(matrix, -(matrix * shift.unsqueeze(1)).sum(dim=2))


def warp(images: Tensor, affine: Affine, displacement: Tensor | None = None) -> Tensor:
    """Move the ink of drawings `[B, 1, S, S]`: point p takes it from `matrix p + shift + displacement(p)`.

    Ink is interpolated bilinearly; outside the drawing there is no ink. The displacement is `[B, 2, S, S]`.
    """
    side = images.shape[-1]
    centres = (torch.arange(side, device=images.device, dtype=torch.float32) * 2 + 1) / side - 1
    x, y = centres.view(1, 1, side), centres.view(1, side, 1)
    matrix, shift = affine.matrix[..., None, None], affine.shift[..., None, None]  # [B, 2, 2, 1, 1], [B, 2, 1, 1]
    points = [matrix[:, axis, 0] * x + (matrix[:, axis, 1] * y + shift[:, axis]) for axis in (0, 1)]
    if displacement is not None:
        points = [point.add_(moved) for point, moved in zip(points, displacement.unbind(dim=1), strict=True)]
    # Always in 32 bits: with fewer, the centre of a pixel could not be distinguished from its edge.
    warped: Tensor = grid_sample(images.float(), torch.stack(points, dim=-1), padding_mode="zeros", align_corners=False)
    return warped.clamp_(0.0, 1.0).to(images.dtype)  # the weights of pixels may sum to slightly more than 1


def unmoved(images: Tensor) -> Affine:
    """Return the maps that leave drawings `[B, 1, S, S]` as they are."""
    eye = torch.eye(2, device=images.device)
    return Affine(eye.expand(len(images), 2, 2), torch.zeros(len(images), 2, device=images.device))


def displacement_of(knots: Tensor, side: int) -> Tensor:
    """Interpolate displacements `[B, 2, K, K]` at knots by cubics to all pixels of a drawing: `[B, 2, side, side]`."""
    count = knots.shape[-1]
    eye = torch.eye(count, device=knots.device, dtype=torch.float32)[None, None]
    rise = interpolate(eye, size=(side, count), mode="bicubic", align_corners=True)[0, 0]  # [side, K]
    with torch.autocast(knots.device.type, enabled=False):
        return rise @ knots.float() @ rise.T


def change_stroke(images: Tensor, weight: Tensor) -> Tensor:
    """Thicken (weight > 0) or thin (< 0) the strokes of drawings `[B, 1, S, S]`; weights `[B]` from -1 to 1.

    `(1 - |w|) x + |w| m`, with m the largest (w > 0) or smallest (w < 0) ink within one pixel.
    """
    weight = weight.to(images.dtype).view(-1, 1, 1, 1)
    sign = torch.where(weight < 0, -1.0, 1.0).to(images.dtype)
    return torch.lerp(images, sign * most_around(sign * images), weight.abs())


def most_around(images: Tensor) -> Tensor:
    """Return the largest value within one pixel of each, `[B, 1, S, S]`; faster than `max_pool2d` on a CPU."""
    for dim in (2, 3):
        side = images.shape[dim]
        wide = pad(images, (0, 0, 1, 1) if dim == 2 else (1, 1, 0, 0), value=-math.inf)
        shifted = [wide.narrow(dim, start, side) for start in range(3)]
        images = torch.maximum(torch.maximum(shifted[0], shifted[1]), shifted[2])
    return images
