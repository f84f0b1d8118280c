"""Square drawings and their sizes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from episodic.errors import require

#: Side in pixels of the smallest drawings that networks take, and of Omniglot's files.
SMALLEST, LARGEST = 28, 105


def require_image_size(image_size: int) -> None:
    """Raise `InputError` unless `image_size` lies between 28 and 105."""
    require(
        SMALLEST <= image_size <= LARGEST,
        f"image_size is {image_size}: it must lie between {SMALLEST} and {LARGEST}",
    )


def to_size(images: Tensor, size: int) -> Tensor:
    """Resize `[B, 1, H, H]` drawings in [0, 1], ink = 1, to `[B, 1, size, size]`.

    Larger drawings are averaged, smaller ones are interpolated.

    Raises:
        InputError: The images are not square drawings of at least 28 x 28 pixels.

    >>> to_size(torch.ones(2, 1, 105, 105), 28).shape
    torch.Size([2, 1, 28, 28])
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


def area_average(ink: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Shrink a drawing `[H, H]` to `[size, size]`, averaging the pixels under each new pixel.

    A new pixel is the mean of all pixels that it overlaps, rounded to the nearest integer. The sums are whole
    numbers that float32 holds exactly for H up to 256, so every machine computes the same pixels.

    >>> area_average(np.array([[0, 255], [0, 255]], dtype=np.uint8), 1)
    array([[128]], dtype=uint8)
    """
    if ink.shape[0] == size:
        return ink
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(ink).float().unsqueeze(0), size)
    mean: NDArray[np.uint8] = pooled.squeeze(0).round().to(torch.uint8).numpy()
    return mean
