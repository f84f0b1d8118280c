"""Square drawings brought to the size that a network works at."""

import torch
from torch import Tensor

from episodic.errors import require

SMALLEST = 28


def to_size(images: Tensor, size: int) -> Tensor:
    """Resize `[B, 1, H, H]` drawings in [0, 1], ink = 1, to `[B, 1, size, size]`; smaller ones by averaging.

    Raises:
        InputError: images of another shape, not square, or smaller than 28 x 28.
    """
    require(
        images.dim() == 4 and images.shape[1] == 1 and images.shape[2] == images.shape[3],
        f"images have shape {tuple(images.shape)}: square drawings [B, 1, H, H] are expected",
    )
    height = images.shape[-1]
    require(height >= SMALLEST, f"images are {height} x {height}: at least {SMALLEST} x {SMALLEST} is needed")
    if height == size:
        return images
    if height > size:
        return torch.nn.functional.adaptive_avg_pool2d(images, size)
    return torch.nn.functional.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
