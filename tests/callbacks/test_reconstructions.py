"""The inputs of the autoencoder whose reconstructions are plotted."""

from functools import partial

import pytest
import torch
from torch import Tensor

from callbacks.reconstructions import corrupted
from episodic.drawings.augmentation import augment
from episodic.networks.autoencoder import ConvolutionalAutoencoder
from lightning_modules.autoencoder import OmniglotAutoencoder


def drawings(seed: int, count: int = 3) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("denoising", [True, False])
def test_only_denoising_autoencoders_get_corrupted_drawings(denoising: bool) -> None:
    network = partial(ConvolutionalAutoencoder, latent_size=5, channels=2)
    module = OmniglotAutoencoder(network, augmentation={"degrees": 30.0}, denoising=denoising)
    inputs = corrupted(module, drawings(0))
    if not denoising:
        assert inputs is None
        return
    assert inputs is not None
    assert torch.equal(inputs, augment(drawings(0), torch.Generator().manual_seed(0), degrees=30.0))
