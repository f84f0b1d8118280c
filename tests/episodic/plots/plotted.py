"""What the tests of plots share: data to plot, and what a figure shows."""

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.memory.memory_contents import MemoryContents
from episodic.plots.style import PLAIN, RIGHT, WRONG


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vectors(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=seeded(seed))


def drawings(count: int) -> Tensor:
    return torch.randint(256, (count, 28, 28), dtype=torch.uint8, generator=seeded())


def contents(keys: Tensor, values: Tensor, labels: Tensor, centres: Tensor | None = None) -> MemoryContents:
    return MemoryContents(keys, values, labels, labels % 3, centres, len(keys), 60, 7, "test")


def drawn(figure: Figure) -> Figure:
    """The figure, after drawing all of it without an error."""
    figure.canvas.draw()
    return figure


def title(figure: Figure) -> str:
    """The title of a figure that could be drawn."""
    return drawn(figure).get_suptitle()


def texts(figure: Figure) -> list[str]:
    """All text inside the axes, and their titles."""
    return [text for axes in figure.axes for text in (axes.get_title(), *(note.get_text() for note in axes.texts))]


def shown_image(figure: Figure, panel: int) -> Tensor:
    array = figure.axes[panel].images[0].get_array()
    assert array is not None
    return torch.tensor(np.asarray(array))


def frames(figure: Figure, panel: int, rows: int, columns: int) -> list[list[str]]:
    """The colours of a montage's frames: r right, w wrong, - plain."""
    names = {to_rgb(WRONG): "w", to_rgb(RIGHT): "r", to_rgb(PLAIN): "-", (1.0, 1.0, 1.0): " "}
    tiles = shown_image(figure, panel)
    height, width = tiles.shape[0] // rows, tiles.shape[1] // columns
    edges = [[tiles[row * height + 2, column * width + width // 2] for column in range(columns)] for row in range(rows)]
    return [[next(n for c, n in names.items() if torch.allclose(p, torch.tensor(c))) for p in line] for line in edges]
