"""Plot of an autoencoder's reconstructions."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.style import new_figure


def plot_reconstructions(originals: Tensor, reconstructed: Tensor, split: str, inputs: Tensor | None = None) -> Figure:
    """Plot originals above reconstructions; with `inputs`, the inputs above reconstructions above originals.

    Args:
        originals: `[N, 1, S, S]` in [0, 1], ink = 1.
        reconstructed: `[N, 1, S, S]`.
        split: named in the title.
        inputs: `[N, 1, S, S]`, the corrupted drawings that a denoising autoencoder reconstructs from.
    """
    rows = [originals, reconstructed] if inputs is None else [inputs, reconstructed, originals]
    names = "originals and reconstructions" if inputs is None else "corrupted drawings, reconstructions and originals"
    figure = new_figure(0.7 * len(originals), 0.5 + 0.7 * len(rows), len(rows), len(originals))
    for axes, image in zip(figure.axes, torch.cat(rows), strict=True):
        axes.imshow(image.squeeze(0), cmap="gray_r", vmin=0, vmax=1)
        axes.set_axis_off()
    error = float((originals - reconstructed).square().mean())
    figure.suptitle(f"{split}: {names}, their mean squared error {error:.4f}", fontsize=9)
    return figure
