"""Drawings in coloured frames, laid out as one picture."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from torch import Tensor

RIGHT, WRONG, PLAIN = "tab:green", "tab:red", "0.8"


def framed(images: Tensor, colours: Sequence[str], below: int = 0) -> Tensor:
    """Drawings `[N, S, S]` uint8, ink = 255, black on white in a frame each -> `[N, H, W, 3]` in [0, 1].

    The frame is a tenth of the drawing wide; white surrounds it, and `below` more pixels of it lie underneath.
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
    """Tiles `[N, H, W, 3]` in rows of `columns` -> a picture `[rows * H, columns * W, 3]`; the rest is white."""
    height, width = tiles.shape[1:3]
    whole = torch.cat([tiles, tiles.new_ones(-len(tiles) % columns, height, width, 3)])
    picture = whole.view(-1, columns, height, width, 3).transpose(1, 2).reshape(-1, columns * width, 3)
    return np.asarray(picture, dtype=np.float32)


def show_montage(axes: Axes, tiles: Tensor, columns: int) -> None:
    """Draw tiles `[N, H, W, 3]` in rows of `columns`; the axes' units are tiles, the first one's corner at (0, 0)."""
    rows = -(-len(tiles) // columns)
    shape = tiles.shape[1] / tiles.shape[2]
    axes.imshow(montage(tiles, columns), extent=(0, columns, rows, 0), aspect=shape, interpolation="antialiased")
    axes.set_axis_off()
