"""Frames round drawings, and their layout."""

from collections import Counter

import numpy as np
import torch
from matplotlib.colors import to_rgb

from episodic.plots.embeddings.montage import framed, montage
from tests.episodic.plots.plotted import drawings


def test_a_frame_goes_round_the_drawing_and_leaves_it_alone() -> None:
    images = drawings(2)
    tiles = framed(images, ["tab:red", "0.8"], below=5)
    assert tiles.shape == (2, 28 + 4 + 2 + 5, 28 + 4 + 2, 3)
    inside = tiles[:, 3:31, 3:31]
    torch.testing.assert_close(inside, (1 - images.float() / 255).unsqueeze(-1).expand(-1, -1, -1, 3))
    counts = Counter(tuple(round(x, 4) for x in pixel) for pixel in tiles[0].flatten(0, 1).tolist())
    red = tuple(round(x, 4) for x in to_rgb("tab:red"))
    assert counts[red] == 32 * 32 - 28 * 28
    assert (tiles[:, -6:] == 1).all()


def test_a_montage_puts_tiles_in_reading_order() -> None:
    tiles = torch.arange(1.0, 6.0).view(5, 1, 1, 1).expand(5, 2, 3, 3) / 10
    whole = montage(tiles, 3)
    assert whole.shape == (4, 9, 3)
    expected = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 1.0]]).repeat(2, axis=0).repeat(3, axis=1)
    np.testing.assert_allclose(whole[..., 0], expected, atol=1e-6)
