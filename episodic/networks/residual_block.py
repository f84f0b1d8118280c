"""Parts of the convolutional networks: a residual block and the layout of features."""

import torch
from torch import Tensor, nn


class ChannelsLast(nn.Module):
    """Store half-precision features with the channels last, which is at least a fifth faster.

    Single precision keeps its layout: on a CPU with more than one thread, the backward pass of torch 2.14 otherwise
    writes out of bounds.

    >>> ChannelsLast()(torch.zeros(2, 3, 4, 4).bfloat16()).stride()
    (48, 1, 12, 3)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, C, S, S]` unchanged in value."""
        half = x.dtype in (torch.bfloat16, torch.float16)
        return x.contiguous(memory_format=torch.channels_last) if half else x


class ResidualBlock(nn.Module):
    """Compute `relu(x + f(x))`, with two normalised 3 x 3 convolutions as f.

    He et al. 2016, "Deep Residual Learning", arXiv 1512.03385. Where f changes the shape, a normalised 1 x 1
    convolution of x replaces x.

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: of the first convolution; 2 halves the side.

    >>> ResidualBlock(4, 8, stride=2)(torch.zeros(1, 4, 7, 7)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            convolution(before, after, 3, stride), nn.BatchNorm2d(after), nn.ReLU(),
            convolution(after, after, 3), nn.BatchNorm2d(after),
        )  # fmt: skip
        same = before == after and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity() if same else nn.Sequential(convolution(before, after, 1, stride), nn.BatchNorm2d(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map features `[B, before, S, S]` to `[B, after, S / stride, S / stride]`, rounded up."""
        return torch.relu(self.shortcut(x) + self.change(x))


def convolution(before: int, after: int, side: int, stride: int = 1) -> nn.Conv2d:
    """Build a padded convolution without bias, which the normalisation behind it makes redundant.

    >>> convolution(1, 4, side=3).padding
    (1, 1)
    """
    return nn.Conv2d(before, after, side, stride=stride, padding=side // 2, bias=False)
