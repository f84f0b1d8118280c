"""The convolutional autoencoder of stage 1."""

import torch
from torch import Tensor, nn

from errors import require, require_positive
from networks.images import SMALLEST, to_size


class ConvolutionalAutoencoder(nn.Module):
    """Three strided convolutions down to a latent vector, and the mirror image up again.

    Args:
        latent_size: length D of the embedding.
        image_size: side of the drawings that it works at; a multiple of 4, at least 28. Any square drawing
            is brought to this size.
        channels: channels of the first convolution; the later ones have twice as many.
    """

    def __init__(self, latent_size: int = 64, image_size: int = 28, channels: int = 32) -> None:
        super().__init__()
        require_positive(latent_size=latent_size, channels=channels)
        require(
            image_size >= SMALLEST and image_size % 4 == 0,
            f"image_size is {image_size}: a multiple of 4, at least {SMALLEST}, is needed",
        )
        self.latent_size, self.image_size = latent_size, image_size
        wide, side = 2 * channels, image_size // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, wide, 3, stride=2, padding=1),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(wide * side * side, latent_size),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, wide * side * side),
            nn.Unflatten(1, (wide, side, side)),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.ConvTranspose2d(wide, channels, 4, stride=2, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1),
        )
        self.to(memory_format=torch.channels_last)  # quicker, on a CPU as on a GPU

    def embed(self, x: Tensor) -> Tensor:
        """Latent vectors `[B, D]` of drawings `[B, 1, H, H]`, floats in [0, 1] with ink = 1, any H >= 28."""
        latent: Tensor = self.encoder(to_size(x, self.image_size))
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Drawings `[B, 1, image_size, image_size]` of latent vectors `[B, D]`."""
        return torch.sigmoid(self.decoder(latent))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions `[B, 1, image_size, image_size]` of drawings `[B, 1, H, H]`."""
        return self.decode(self.embed(x))
