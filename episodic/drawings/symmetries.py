"""Symmetries of a square drawing: quarter turns, and all eight with mirror images, spread over a batch."""

import torch
from torch import Tensor

TURNS = 4  # quarter turns of a drawing


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
