"""Turns of drawings, and the eight symmetries of a square spread over a batch."""

import torch
from torch import Tensor

from episodic.drawings.deformation import deform

TURNS = 4  # quarter turns of a drawing


def all_turns(images: Tensor, turns: int) -> list[Tensor]:
    """Turn drawings `[B, 1, S, S]` counter-clockwise by 0, 1, ... times `360 / turns` degrees.

    Quarter turns are exact, other turns interpolate the drawing once and lose what leaves its square.

    Args:
        images: Drawings in [0, 1], ink = 1.
        turns: How many, a multiple of 4.

    >>> images = torch.zeros(1, 1, 28, 28)
    >>> images[..., 13:15, 18:24] = 1  # twelve pixels right of the centre
    >>> [round(turned[..., :14, 14:].sum().item()) for turned in all_turns(images, 8)]  # in the upper right quarter
    [6, 12, 6, 0, 0, 0, 0, 0]
    """
    degrees = [360 / turns * turn for turn in range(1, turns // TURNS)]
    first = [images, *(deform(images, -angle, 1.0, 1.0, 0.0, 0.0, 0.0) for angle in degrees)]
    return [torch.rot90(image, quarter, dims=(2, 3)) for quarter in range(TURNS) for image in first]


def spread_symmetries(images: Tensor) -> Tensor:
    """Turn or mirror each eighth of a batch `[B, 1, S, S]` in one of the eight ways.

    In shuffled batches every drawing eventually appears in all eight orientations. No random numbers are drawn and
    nothing is interpolated.

    >>> images = torch.arange(4.0).view(1, 1, 2, 2).expand(8, 1, 2, 2)
    >>> spread_symmetries(images)[:2, 0].tolist()
    [[[0.0, 1.0], [2.0, 3.0]], [[1.0, 3.0], [0.0, 2.0]]]
    """
    parts = torch.tensor_split(images, 8)
    turned = [torch.rot90(part, way % 4, dims=(2, 3)) for way, part in enumerate(parts)]
    return torch.cat([part.flip(3) if way >= 4 else part for way, part in enumerate(turned)])
