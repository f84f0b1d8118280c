"""The convolutional autoencoder, and what all autoencoders of drawings share."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from episodic.drawings.images import SMALLEST
from episodic.errors import require, require_positive
from episodic.networks.image_embedder import ImageEmbedder
from episodic.networks.residual_block import ChannelsLast, ResidualBlock


class Autoencoder(ImageEmbedder):
    """An encoder of drawings and its decoder, which a subclass builds.

    Args:
        encoder: `[B, 1, S, S]` -> `[B, D]`.
        decoder: `[B, D]` -> `[B, 1, S, S]`, the logits of grey levels.
        latent_size: length D of the embedding.
        image_size: side S of the drawings that the network computes with.
    """

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential, latent_size: int, image_size: int) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.latent_size, self.image_size = latent_size, image_size

    def embed_resized(self, x: Tensor) -> Tensor:
        latent: Tensor = self.encoder(x)
        return latent

    def logits(self, latent: Tensor) -> Tensor:
        """Return the logits `[B, 1, S, S]` of the grey levels that latent vectors `[B, D]` encode."""
        logits: Tensor = self.decoder(latent)
        return logits

    def decode(self, latent: Tensor) -> Tensor:
        """Return the drawings `[B, 1, S, S]` in [0, 1] of latent vectors `[B, D]`."""
        return torch.sigmoid(self.logits(latent))

    def forward(self, x: Tensor) -> Tensor:
        """Return reconstructions `[B, 1, S, S]` of drawings `[B, 1, H, H]`; see `embed` for the drawings."""
        return self.decode(self.embed(x))


class ConvolutionalAutoencoder(Autoencoder):
    """Encode a drawing by three convolutions, two of them strided, into a latent vector, and decode it in reverse.

    Args:
        image_size: side S of the drawings that the network computes with; a multiple of 4, at least 28.
        latent_size: length D of the embedding.
        channels: channels of the first convolution; the later ones have twice as many.
        blocks: residual blocks of two convolutions each at half and at a quarter of the side, down and up. The names
            of all other weights do not depend on it.

    Raises:
        InputError: a size is out of its range.

    >>> network = ConvolutionalAutoencoder(latent_size=64, channels=4)
    >>> network.embed(torch.zeros(2, 1, 105, 105)).shape, network(torch.zeros(2, 1, 105, 105)).shape
    (torch.Size([2, 64]), torch.Size([2, 1, 28, 28]))
    """

    def __init__(self, image_size: int = 28, *, latent_size: int = 64, channels: int = 32, blocks: int = 0) -> None:
        require_positive(latent_size=latent_size, channels=channels)
        require(blocks >= 0, f"blocks is {blocks}: it must be 0 or more")
        require_quarters(image_size)
        sizes = latent_size, image_size // 4, channels, blocks
        super().__init__(_encoder(*sizes), _decoder(*sizes), latent_size, image_size)
        self.arguments = {
            "latent_size": latent_size, "image_size": image_size, "channels": channels, "blocks": blocks,
        }  # fmt: skip


def require_quarters(image_size: int) -> None:
    """Raise `InputError` unless a side is at least 28 and can be halved twice.

    >>> require_quarters(32)
    """
    require(
        image_size >= SMALLEST and image_size % 4 == 0,
        f"image_size is {image_size}: it must be a multiple of 4 and at least {SMALLEST}",
    )


# Checkpoints name weights by the layers' numbers. Later additions have names, so that the numbers stay the same.


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
