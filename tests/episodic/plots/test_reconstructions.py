"""The plot of reconstructions: which drawing is where."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.embeddings.reconstructions import plot_reconstructions


def drawings(seed: int, count: int = 3) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def shown(figure: Figure) -> Tensor:
    """All pictures in the order in which they are read, and everything could be drawn."""
    figure.canvas.draw()
    return torch.stack([torch.from_numpy(np.array(axes.images[0].get_array())) for axes in figure.axes]).unsqueeze(1)


def test_originals_are_above_their_reconstructions() -> None:
    originals, reconstructed = drawings(0), drawings(1)
    figure = plot_reconstructions(originals, reconstructed, "val")
    assert torch.equal(shown(figure), torch.cat([originals, reconstructed]))
    error = np.mean([(a - b) ** 2 for a, b in zip(originals.flatten(), reconstructed.flatten(), strict=True)])
    assert figure.get_suptitle() == f"val: originals and reconstructions, their mean squared error {error:.4f}"


def test_corrupted_drawings_are_above_their_reconstructions_and_those_above_the_originals() -> None:
    originals, reconstructed, inputs = drawings(0), drawings(1), drawings(2)
    figure = plot_reconstructions(originals, reconstructed, "test", inputs)
    assert torch.equal(shown(figure), torch.cat([inputs, reconstructed, originals]))
    plain = plot_reconstructions(originals, reconstructed, "test")
    assert figure.get_suptitle().split(", ")[-1] == plain.get_suptitle().split(", ")[-1]


def test_one_drawing_is_enough() -> None:
    assert len(shown(plot_reconstructions(drawings(0, 1), drawings(1, 1), "val"))) == 2
