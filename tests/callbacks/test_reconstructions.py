"""Pictures of an autoencoder: which drawing is where."""

from functools import partial

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from callbacks.reconstructions import corrupted, reconstructions_figure
from episodic.drawings.augmentation import augment
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from lightning_modules.autoencoder import OmniglotAutoencoder


def drawings(seed: int, count: int = 3) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def shown(figure: Figure) -> Tensor:
    """All pictures in the order in which they are read, and everything could be drawn."""
    figure.canvas.draw()
    return torch.stack([torch.from_numpy(np.array(axes.images[0].get_array())) for axes in figure.axes]).unsqueeze(1)


def test_originals_are_above_their_reconstructions() -> None:
    originals, reconstructed = drawings(0), drawings(1)
    figure = reconstructions_figure(originals, reconstructed, "val")
    assert torch.equal(shown(figure), torch.cat([originals, reconstructed]))
    error = np.mean([(a - b) ** 2 for a, b in zip(originals.flatten(), reconstructed.flatten(), strict=True)])
    assert figure.get_suptitle() == f"val: originals and reconstructions, mean squared error of these {error:.4f}"


def test_corrupted_drawings_are_above_their_reconstructions_and_those_above_the_originals() -> None:
    originals, reconstructed, inputs = drawings(0), drawings(1), drawings(2)
    figure = reconstructions_figure(originals, reconstructed, "test", inputs)
    assert torch.equal(shown(figure), torch.cat([inputs, reconstructed, originals]))
    plain = reconstructions_figure(originals, reconstructed, "test")
    assert figure.get_suptitle().split(", ")[-1] == plain.get_suptitle().split(", ")[-1]


def test_one_drawing_is_enough() -> None:
    assert len(shown(reconstructions_figure(drawings(0, 1), drawings(1, 1), "val"))) == 2


@pytest.mark.parametrize("denoising", [True, False])
def test_denoising_autoencoders_alone_are_given_corrupted_drawings(denoising: bool) -> None:
    network = partial(ConvolutionalAutoencoder, latent_size=5, channels=2)
    module = OmniglotAutoencoder(network, augmentation={"degrees": 30.0}, denoising=denoising)
    inputs = corrupted(module, drawings(0))
    if not denoising:
        assert inputs is None
        return
    assert inputs is not None
    assert torch.equal(inputs, augment(drawings(0), torch.Generator().manual_seed(0), degrees=30.0))
