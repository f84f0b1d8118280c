"""Random deformations of drawings, a whole batch at once on its device."""

import math
from typing import TypedDict

import torch
from torch import Tensor

from episodic.drawings.deformation import Affine, change_stroke, displacement_of, inverse_affine, warp
from episodic.errors import require

KNOTS = 5  # knots of the elastic displacement along each side
#: Random numbers of a drawing's affine map.
ANGLE, SCALE_X, SCALE_Y, SHEAR, SHIFT_X, SHIFT_Y, NUMBERS = range(7)


class Augmentation(TypedDict, total=False):
    """Strengths of `augment`; omitted strengths are 0."""

    degrees: float
    scale: float
    shear: float
    translate: float
    stroke: float
    elastic: float


def augment(
    images: Tensor,
    generator: torch.Generator | None = None,
    displacement: Tensor | None = None,
    *,
    degrees: float = 0.0,
    scale: float = 0.0,
    shear: float = 0.0,
    translate: float = 0.0,
    stroke: float = 0.0,
    elastic: float = 0.0,
) -> Tensor:
    """Deform drawings `[B, 1, S, S]` in [0, 1], ink = 1, each independently; strengths of 0 change nothing.

    Args:
        images: Drawings. Ink that leaves the picture is lost, new area has no ink.
        generator: Random generator on any device; None is torch's global one.
        displacement: `[B, 2, S, S]` of (x, y), where a side has length 2; it is added to the random one.
        degrees: Largest rotation either way.
        scale: Width and height are scaled independently, by 1 / (1 + scale) to 1 + scale.
        shear: Largest slant either way in degrees.
        translate: Largest shift along each axis, as a share of the side.
        stroke: Largest thickening or thinning on each side of a stroke, in pixels, 0 to 1.
        elastic: Standard deviation of a smooth displacement, as a share of the side.

    Raises:
        InputError: A strength is out of range, or the images have another shape.

    >>> images = torch.zeros(2, 1, 28, 28)
    >>> images[..., 14, 4:24] = 1
    >>> turned = augment(images, torch.Generator().manual_seed(0), degrees=45.0)
    >>> turned.shape, bool((turned[0] != turned[1]).any())
    (torch.Size([2, 1, 28, 28]), True)
    """
    require_strengths(degrees=degrees, scale=scale, shear=shear, translate=translate, stroke=stroke, elastic=elastic)
    require(
        images.dim() == 4 and images.shape[1] == 1 and images.shape[2] == images.shape[3],
        f"images have shape {tuple(images.shape)}: square drawings [B, 1, S, S] are expected",
    )
    if displacement is not None or max(degrees, scale, shear, translate, elastic) > 0:
        affine = draw_affine(images, generator, degrees, scale, shear, translate)
        if elastic > 0:
            random = draw_displacement(images, generator, elastic)
            displacement = random if displacement is None else displacement + random
        images = warp(images, affine, displacement)
    if stroke > 0:
        images = change_stroke(images, stroke * _uniform(images, (len(images),), generator))
    return images


def require_strengths(**strengths: float) -> None:
    """Raise `InputError` for the first strength of `augment` that is out of range."""
    largest = {"degrees": 180.0, "scale": 4.0, "shear": 80.0, "translate": 1.0, "stroke": 1.0, "elastic": 0.5}
    for name, strength in strengths.items():
        limit = largest[name]
        require(0.0 <= strength <= limit, f"{name} is {strength}: it must lie between 0 and {limit:g}")


def _uniform(images: Tensor, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """Draw numbers between -1 and 1 on the generator's device and move them to the images'."""
    device = images.device if generator is None else generator.device
    return (torch.rand(shape, generator=generator, device=device, dtype=torch.float32) * 2 - 1).to(images.device)


def draw_affine(
    images: Tensor, generator: torch.Generator | None, degrees: float, scale: float, shear: float, translate: float
) -> Affine:
    """Draw random maps from a deformed drawing's points to the original's, `[B, ...]`."""
    numbers = _uniform(images, (len(images), NUMBERS), generator).unbind(dim=1)
    angle, slant = math.radians(degrees) * numbers[ANGLE], math.radians(shear) * numbers[SHEAR]
    factors = torch.stack([numbers[SCALE_X], numbers[SCALE_Y]], dim=1) * math.log1p(scale)
    shift = 2 * translate * torch.stack([numbers[SHIFT_X], numbers[SHIFT_Y]], dim=1)
    return inverse_affine(angle, factors.exp(), slant, shift)


def draw_displacement(images: Tensor, generator: torch.Generator | None, elastic: float) -> Tensor:
    """Draw smooth displacements `[B, 2, S, S]` of (x, y), where a side has length 2.

    Normal random numbers at the knots of a grid are interpolated by cubics. Differs from Simard, Steinkraus & Platt
    2003, who smooth noise at every pixel with a Gaussian: the grid is as smooth and cheaper.
    """
    device = images.device if generator is None else generator.device
    knots = torch.randn((len(images), 2, KNOTS, KNOTS), generator=generator, device=device, dtype=torch.float32)
    return displacement_of(knots.to(images.device) * (2 * elastic), images.shape[-1])
