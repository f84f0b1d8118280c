"""Drawings in coloured frames, laid out as one picture."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from torch import Tensor


def framed(images: Tensor, colours: Sequence[str], below: int = 0) -> Tensor:
    """Draw a coloured frame round each drawing.

    A frame is a tenth of the drawing wide and has a white margin.

    Args:
        images: `[N, S, S]` uint8, ink = 255; drawn black on white.
        colours: N colours.
        below: extra pixels of the lower margin.

    Returns:
        Tiles `[N, H, W, 3]` in [0, 1].

    >>> framed(torch.zeros(2, 20, 20, dtype=torch.uint8), ["red", "blue"]).shape
    torch.Size([2, 26, 26, 3])
    """
    width = max(2, images.shape[-1] // 10)
    paper = 1 - images.float() / 255
    edge = torch.tensor([to_rgb(colour) for colour in colours], dtype=paper.dtype).view(-1, 1, 1, 3)
    side = images.shape[-1] + 2 * width
    tiles = edge.expand(-1, side, side, 3).clone()
    tiles[:, width:-width, width:-width] = paper.unsqueeze(-1)
    around = width // 2
    return torch.nn.functional.pad(tiles, (0, 0, around, around, around, around + below), value=1.0)


def montage(tiles: Tensor, columns: int) -> NDArray[np.float32]:
    """Lay tiles `[N, H, W, 3]` out in rows of `columns`: `[rows * H, columns * W, 3]`; the rest is white."""
    height, width = tiles.shape[1:3]
    whole = torch.cat([tiles, tiles.new_ones(-len(tiles) % columns, height, width, 3)])
    picture = whole.view(-1, columns, height, width, 3).transpose(1, 2).reshape(-1, columns * width, 3)
    return np.asarray(picture, dtype=np.float32)


def show_montage(axes: Axes, tiles: Tensor, columns: int) -> None:
    """Draw tiles `[N, H, W, 3]` in rows of `columns`; one unit of the axes is one tile, (0, 0) the top left corner."""
    rows = -(-len(tiles) // columns)
    shape = tiles.shape[1] / tiles.shape[2]
    axes.imshow(montage(tiles, columns), extent=(0, columns, rows, 0), aspect=shape, interpolation="antialiased")
    axes.set_axis_off()
