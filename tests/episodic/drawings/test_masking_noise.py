"""Pixels erased at random, as often as asked for, and nothing else."""

import math

import pytest
import torch

from episodic.drawings.masking_noise import erase_pixels
from episodic.errors import InputError
from tests.episodic.memory.memory_oracle import DEVICES


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("share", [0.1, 0.7])
def test_the_share_of_pixels_is_erased_and_the_others_stay(share: float, device: str) -> None:
    images = (torch.rand(50, 1, 28, 28, generator=generator(1)) * 0.5 + 0.5).to(device)
    erased = erase_pixels(images, share, generator())
    gone = erased == 0
    assert torch.equal(erased[~gone], images[~gone])
    deviation = math.sqrt(share * (1 - share) / gone.numel())
    assert abs(float(gone.float().mean()) - share) < 4 * deviation
    of_each = gone.flatten(1).float().mean(dim=1)
    assert 0 < float(of_each.std()) < 3 * math.sqrt(share * (1 - share) / 784)


def test_the_generator_says_which() -> None:
    images = torch.ones(4, 1, 28, 28)
    first = erase_pixels(images, 0.5, generator(3))
    assert torch.equal(erase_pixels(images, 0.5, generator(3)), first)
    assert not torch.equal(erase_pixels(images, 0.5, generator(4)), first)
    torch.manual_seed(5)
    assert torch.equal(erase_pixels(images, 0.5), erase_pixels(images, 0.5, generator(5)))


def test_none_and_all() -> None:
    images = torch.rand(2, 1, 28, 28)
    assert torch.equal(erase_pixels(images, 0.0), images)
    assert not erase_pixels(images, 1.0).any()


def test_the_type_stays() -> None:
    assert erase_pixels(torch.ones(1, 1, 28, 28, dtype=torch.bfloat16), 0.5).dtype == torch.bfloat16


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_bad_shares_are_named(share: float) -> None:
    with pytest.raises(InputError, match=f"^share is {share}: it must lie between 0 and 1"):
        erase_pixels(torch.ones(1, 1, 28, 28), share)
