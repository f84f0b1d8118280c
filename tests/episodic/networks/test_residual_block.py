"""The residual block: its shapes and what it adds."""

import pytest
import torch
from torch import nn

from episodic.networks.residual_block import ResidualBlock


@pytest.mark.parametrize(("before", "after", "stride"), [(4, 4, 1), (4, 6, 1), (4, 4, 2), (4, 6, 2)])
def test_a_block_adds_to_its_input(before: int, after: int, stride: int) -> None:
    block = ResidualBlock(before, after, stride).eval()
    x = torch.randn(2, before, 7, 7)
    side = 7 if stride == 1 else 4
    assert block(x).shape == (2, after, side, side)
    last = block.change[-1]
    assert isinstance(last, nn.BatchNorm2d)
    nn.init.zeros_(last.weight)  # nothing is added: what is left is the input
    expected = x if isinstance(block.shortcut, nn.Identity) else block.shortcut(x)
    torch.testing.assert_close(block(x), expected.relu())
    assert isinstance(block.shortcut, nn.Identity) == (before == after and stride == 1)
