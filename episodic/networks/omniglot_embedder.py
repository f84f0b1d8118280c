"""The Omniglot encoder of stage 1: a small convolutional network with a unit embedding."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.drawings.augmentation import deform
from episodic.drawings.images import SMALLEST, to_size
from episodic.errors import require, require_choice, require_positive
from episodic.networks.feature_norm import FeatureNorm

#: The deformations that `views` averages over besides the drawing as it is: degrees, factors of width and height,
#: slant in degrees, shifts along x and y as parts of the side. Each changes three things a little, so that four do.
VIEWS = (
    (8.0, 1.12, 1.0, 0.0, 0.03, 0.0),
    (-8.0, 1.0, 1.12, 0.0, 0.0, 0.03),
    (0.0, 1 / 1.12, 1.0, 8.0, -0.03, 0.0),
    (0.0, 1.0, 1 / 1.12, -8.0, 0.0, -0.03),
)

BACKBONES = ("residual", "convolutional")


class OmniglotEmbedder(nn.Module):
    """Drawings to embeddings of length 1, to be compared by the cosine.

    `convolutional` is the field's network of four blocks of convolution, batch normalisation, ReLU and pooling
    (Vinyals et al. 2016, "Matching Networks", arXiv 1606.04080, section 4.1.1). `residual` is a network of nine
    convolutions in a row and a linear layer (He et al. 2016, "Deep Residual Learning", arXiv 1512.03385).

    Differs from the papers: a linear layer brings the features to the embedding's length, and the embedding is
    normalised, each of its numbers over the batch first, and then its length.

    Args:
        embedding_size: length D of the embedding.
        backbone: `residual` or `convolutional`.
        image_size: side of the drawings that it works at, at least 28. Any square drawing is brought to this size.
        channels: of each convolutional block; of the first two sizes of the residual network, then twice as many.
        views: in evaluation mode, whether a drawing's embedding is the mean, normalised again, of its own and those
            of four slight deformations (`VIEWS`): fewer mistakes for five times the work.

    Raises:
        InputError: a number out of its range, an unknown backbone.
    """

    def __init__(
        self,
        embedding_size: int = 128,
        backbone: str = "residual",
        image_size: int = 28,
        channels: int = 64,
        views: bool = False,
    ) -> None:
        super().__init__()
        require_positive(embedding_size=embedding_size)
        require(channels >= 2, f"channels is {channels}: it has to be 2 or more")
        require(image_size >= SMALLEST, f"image_size is {image_size}: it has to be at least {SMALLEST}")
        require_choice("backbone", backbone, BACKBONES)
        self.embedding_size, self.image_size, self.views = embedding_size, image_size, views
        build = residual_backbone if backbone == "residual" else convolutional_backbone
        self.backbone, features = build(channels, image_size)
        self.head = nn.Linear(features, embedding_size, bias=False)
        self.norm = FeatureNorm(embedding_size)

    def embed(self, x: Tensor) -> Tensor:
        """Unit embeddings `[B, D]` of drawings `[B, 1, H, H]`, floats in [0, 1] with ink = 1, any H >= 28.

        Raises:
            InputError: images of another shape, not square, or smaller than 28 x 28.
        """
        drawings = to_size(x, self.image_size)
        if self.training or not self.views:
            return self._embed(drawings)
        views = [drawings, *(deform(drawings, *view) for view in VIEWS)]
        return normalize(torch.stack([self._embed(view) for view in views]).sum(dim=0), dim=1)

    def _embed(self, drawings: Tensor) -> Tensor:
        embedding = self.head(self.backbone(drawings))
        # In half precision the length would be 1 to three digits only.
        return normalize(self.norm(embedding.to(torch.promote_types(embedding.dtype, torch.float32))), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings: the classifier belongs to the objective that trains the network."""
        return self.embed(x)


class ChannelsLast(nn.Module):
    """Lays features out with the channels last where they are in half precision: a fifth quicker, or more.

    Not in single precision: on a CPU with more than one thread torch 2.14's backward pass then writes beyond its
    memory.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, S, S]` -> the same."""
        half = x.dtype in (torch.bfloat16, torch.float16)
        return x.contiguous(memory_format=torch.channels_last) if half else x


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


def residual_backbone(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """A convolution, pooling, and four blocks of widths c, 2c, 2c, 2c; with the number of features.

    The features keep their places: a mean over the picture would lose where a stroke is.
    """
    network = nn.Sequential(
        _convolution(1, channels, 3), ChannelsLast(), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2),
        ResidualBlock(channels, channels),
        ResidualBlock(channels, 2 * channels, stride=2),
        ResidualBlock(2 * channels, 2 * channels),
        ResidualBlock(2 * channels, 2 * channels, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    side = (image_size // 2 + 3) // 4  # halved twice, each time rounded up
    return network, 2 * channels * side**2


def convolutional_backbone(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """Four blocks that each halve the side, rounded down; with the number of features."""
    layers: list[nn.Module] = []
    for before in (1, channels, channels, channels):
        layers += [_convolution(before, channels, 3), ChannelsLast(), nn.BatchNorm2d(channels)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten()), channels * (image_size // 16) ** 2


def _convolution(before: int, after: int, side: int, stride: int = 1) -> nn.Conv2d:
    # The normalisation behind it has a bias of its own.
    return nn.Conv2d(before, after, side, stride=stride, padding=side // 2, bias=False)
