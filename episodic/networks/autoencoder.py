"""The autoencoders of stage 1: what they share, and the convolutional one."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from episodic.drawings.images import SMALLEST, to_size
from episodic.errors import require, require_positive
from episodic.networks.omniglot_embedder import ChannelsLast, ResidualBlock


class Autoencoder(nn.Module):
    """An encoder of drawings and its decoder; a subclass builds them.

    Args:
        encoder: `[B, 1, S, S]` -> `[B, D]`.
        decoder: `[B, D]` -> `[B, 1, S, S]`, the logits of grey levels.
        latent_size: length D of the embedding.
        image_size: side S of the drawings that it works at. Any square drawing is brought to this size.
    """

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential, latent_size: int, image_size: int) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.latent_size, self.image_size = latent_size, image_size

    def embed(self, x: Tensor) -> Tensor:
        """Latent vectors `[B, D]` of drawings `[B, 1, H, H]`, floats in [0, 1] with ink = 1, any H >= 28.

        Raises:
            InputError: images of another shape, not square, or smaller than 28 x 28.
        """
        latent: Tensor = self.encoder(to_size(x, self.image_size))
        return latent

    def logits(self, latent: Tensor) -> Tensor:
        """Logits `[B, 1, S, S]` of the grey levels that latent vectors `[B, D]` stand for."""
        logits: Tensor = self.decoder(latent)
        return logits

    def decode(self, latent: Tensor) -> Tensor:
        """Drawings `[B, 1, S, S]` in [0, 1] of latent vectors `[B, D]`."""
        return torch.sigmoid(self.logits(latent))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions `[B, 1, S, S]` of drawings `[B, 1, H, H]`."""
        return self.decode(self.embed(x))


class ConvolutionalAutoencoder(Autoencoder):
    """Three convolutions, two of them strided, down to a latent vector, and the mirror image up again.

    Args:
        latent_size: length D of the embedding.
        image_size: side of the drawings that it works at; a multiple of 4, at least 28.
        channels: channels of the first convolution; the later ones have twice as many.
        blocks: residual blocks of two convolutions each at half and at a quarter of the side, down and up. None of
            the other layers' weights changes its name with it.

    Raises:
        InputError: a size out of its range.
    """

    def __init__(self, latent_size: int = 64, image_size: int = 28, channels: int = 32, blocks: int = 0) -> None:
        require_positive(latent_size=latent_size, channels=channels)
        require(blocks >= 0, f"blocks is {blocks}: it has to be 0 or more")
        require_quarters(image_size)
        sizes = latent_size, image_size // 4, channels, blocks
        super().__init__(_encoder(*sizes), _decoder(*sizes), latent_size, image_size)


def require_quarters(image_size: int) -> None:
    """Raise `InputError` unless the side of drawings can be halved twice."""
    require(
        image_size >= SMALLEST and image_size % 4 == 0,
        f"image_size is {image_size}: a multiple of 4, at least {SMALLEST}, is needed",
    )


# Weights go by the layers' numbers in checkpoints. What came later has a name, and leaves the numbers as they were.


def _encoder(latent_size: int, side: int, channels: int, blocks: int) -> nn.Sequential:
    wide = 2 * channels
    layers: list[tuple[str, nn.Module]] = [
        ("0", nn.Conv2d(1, channels, 3, stride=2, padding=1)),
        ("layout", ChannelsLast()),
        ("1", nn.BatchNorm2d(channels)),
        ("2", nn.ReLU()),
        *_blocks("half", channels, blocks),
        ("3", nn.Conv2d(channels, wide, 3, stride=2, padding=1)),
        ("4", nn.BatchNorm2d(wide)),
        ("5", nn.ReLU()),
        ("6", nn.Conv2d(wide, wide, 3, padding=1)),
        ("7", nn.BatchNorm2d(wide)),
        ("8", nn.ReLU()),
        *_blocks("quarter", wide, blocks),
        ("9", nn.Flatten()),
        ("10", nn.Linear(wide * side * side, latent_size)),
    ]
    return nn.Sequential(OrderedDict(layers))


def _decoder(latent_size: int, side: int, channels: int, blocks: int) -> nn.Sequential:
    wide = 2 * channels
    layers: list[tuple[str, nn.Module]] = [
        ("0", nn.Linear(latent_size, wide * side * side)),
        ("1", nn.Unflatten(1, (wide, side, side))),
        ("layout", ChannelsLast()),
        ("2", nn.BatchNorm2d(wide)),
        ("3", nn.ReLU()),
        ("4", nn.Conv2d(wide, wide, 3, padding=1)),
        ("5", nn.BatchNorm2d(wide)),
        ("6", nn.ReLU()),
        *_blocks("quarter", wide, blocks),
        ("7", nn.ConvTranspose2d(wide, channels, 4, stride=2, padding=1)),
        ("8", nn.BatchNorm2d(channels)),
        ("9", nn.ReLU()),
        *_blocks("half", channels, blocks),
        ("10", nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1)),
    ]
    return nn.Sequential(OrderedDict(layers))


def _blocks(scale: str, channels: int, count: int) -> list[tuple[str, nn.Module]]:
    return [(f"{scale}_{number}", ResidualBlock(channels, channels)) for number in range(count)]
