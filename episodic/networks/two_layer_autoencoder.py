"""The small convolutional autoencoder of introductory tutorials."""

from torch import nn

from episodic.errors import require_positive
from episodic.networks.autoencoder import Autoencoder, require_quarters

CODES = 4  # channels of the code


class TwoLayerAutoencoder(Autoencoder):
    """Encode by two convolutions with ReLU and pooling, decode by two transposed convolutions: 1,077 weights.

    The embedding is the code itself, 4 channels of (S / 4) x (S / 4), flattened: 196 non-negative numbers at 28 x 28.
    For any other length, one linear layer maps the code to the embedding and another maps it back.

    Args:
        image_size: side S of the drawings that the network computes with; a multiple of 4, at least 28.
        latent_size: length D of the embedding; None uses the code itself.
        channels: channels of the first convolution.

    Raises:
        InputError: a size is out of its range.

    >>> import torch
    >>> TwoLayerAutoencoder().embed(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 196])
    """

    def __init__(self, image_size: int = 28, *, latent_size: int | None = None, channels: int = 16) -> None:
        require_quarters(image_size)
        side = image_size // 4
        code = CODES * side * side
        size = code if latent_size is None else latent_size
        require_positive(latent_size=size, channels=channels)
        encoder = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(channels, CODES, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
            *([] if size == code else [nn.Linear(code, size)]),
        )  # fmt: skip
        decoder = nn.Sequential(
            *([] if size == code else [nn.Linear(size, code), nn.ReLU()]),
            nn.Unflatten(1, (CODES, side, side)),
            nn.ConvTranspose2d(CODES, channels, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(channels, 1, 2, stride=2),
        )  # fmt: skip
        super().__init__(encoder, decoder, size, image_size)
        self.arguments = {"latent_size": size, "image_size": image_size, "channels": channels}
