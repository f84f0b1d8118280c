"""The Omniglot encoder of stage 1: a small convolutional network with a unit embedding."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from errors import require, require_choice, require_positive
from networks.images import SMALLEST, to_size

BACKBONES = ("residual", "convolutional")


class OmniglotEmbedder(nn.Module):
    """Drawings to embeddings of length 1, to be compared by the cosine.

    `convolutional` is the field's network of four blocks of convolution, batch normalisation, ReLU and pooling
    (Vinyals et al. 2016, "Matching Networks", arXiv 1606.04080, section 4.1.1). `residual` is a network of eleven
    convolutions and a linear layer (He et al. 2016, "Deep Residual Learning", arXiv 1512.03385).

    Differs from the papers: a linear layer brings the features to the embedding's length, and the embedding is
    normalised.

    Args:
        embedding_size: length D of the embedding.
        backbone: `residual` or `convolutional`.
        image_size: side of the drawings that it works at, at least 28. Any square drawing is brought to this size.
        channels: of each convolutional block; of the second of four widths of the residual network, which double.

    Raises:
        InputError: a number out of its range, an unknown backbone.
    """

    def __init__(
        self, embedding_size: int = 128, backbone: str = "residual", image_size: int = 28, channels: int = 64
    ) -> None:
        super().__init__()
        require_positive(embedding_size=embedding_size)
        require(channels >= 2, f"channels is {channels}: it has to be 2 or more")
        require(image_size >= SMALLEST, f"image_size is {image_size}: it has to be at least {SMALLEST}")
        require_choice("backbone", backbone, BACKBONES)
        self.embedding_size, self.image_size = embedding_size, image_size
        self.backbone, features = (
            residual_backbone(channels) if backbone == "residual" else convolutional_backbone(channels, image_size)
        )
        self.head = nn.Linear(features, embedding_size)
        # Not channels-last: on a CPU with more than one thread torch 2.14's backward pass in single precision then
        # writes beyond its memory.

    def embed(self, x: Tensor) -> Tensor:
        """Unit embeddings `[B, D]` of drawings `[B, 1, H, H]`, floats in [0, 1] with ink = 1, any H >= 28.

        Raises:
            InputError: images of another shape, not square, or smaller than 28 x 28.
        """
        embedding = self.head(self.backbone(to_size(x, self.image_size)))
        # In half precision the length would be 1 to three digits only.
        return normalize(embedding.to(torch.promote_types(embedding.dtype, torch.float32)), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings: the classifier belongs to the objective that trains the network."""
        return self.embed(x)


class ResidualBlock(nn.Module):
    """`relu(x + f(x))` with two normalised 3 x 3 convolutions as f; the first may halve the side."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            _convolution(before, after, 3, stride), nn.BatchNorm2d(after), nn.ReLU(),
            _convolution(after, after, 3), nn.BatchNorm2d(after),
        )  # fmt: skip
        same = before == after and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity() if same else nn.Sequential(_convolution(before, after, 1, stride), nn.BatchNorm2d(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, before, S, S]` -> `[B, after, S / stride, S / stride]`, rounded up."""
        return torch.relu(self.shortcut(x) + self.change(x))


def residual_backbone(channels: int) -> tuple[nn.Module, int]:
    """Five blocks of widths c/2, c, c, 2c and 4c and a mean over the picture; with the number of features."""
    narrow = channels // 2
    network = nn.Sequential(
        _convolution(1, narrow, 3), nn.BatchNorm2d(narrow), nn.ReLU(),
        ResidualBlock(narrow, narrow),
        ResidualBlock(narrow, channels, stride=2),
        ResidualBlock(channels, channels),
        ResidualBlock(channels, 2 * channels, stride=2),
        ResidualBlock(2 * channels, 4 * channels, stride=2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return network, 4 * channels


def convolutional_backbone(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """Four blocks that each halve the side, rounded down; with the number of features."""
    layers: list[nn.Module] = []
    for before in (1, channels, channels, channels):
        layers += [_convolution(before, channels, 3), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten()), channels * (image_size // 16) ** 2


def _convolution(before: int, after: int, side: int, stride: int = 1) -> nn.Conv2d:
    # The normalisation behind it has a bias of its own.
    return nn.Conv2d(before, after, side, stride=stride, padding=side // 2, bias=False)
