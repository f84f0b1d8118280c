"""The eight ways of turning and mirroring a square drawing, spread over a batch."""

import torch
from torch import Tensor


def spread_symmetries(images: Tensor) -> Tensor:
    """Turn or mirror each eighth of a batch in its own way: `[B, 1, S, S]` -> the same shape.

    Where batches are shuffled this shows every drawing in all its eight orientations sooner or later; it draws
    no random numbers and loses nothing to interpolation.
    """
    parts = torch.tensor_split(images, 8)
    turned = [torch.rot90(part, way % 4, dims=(2, 3)) for way, part in enumerate(parts)]
    return torch.cat([part.flip(3) if way >= 4 else part for way, part in enumerate(turned)])
