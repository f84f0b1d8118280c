"""Flipped bits: how many, where, afresh for each code, and never all of a code's ones."""

import itertools
from collections import Counter

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks.barcodes.noise import NOISE_KINDS, flip_bits, noise_region
from tests.episodic.memory.memory_oracle import DEVICES

FRACTIONS = (0.0, 0.1, 0.2, 0.25, 0.5, 0.7, 1.0)
REGIONS = {  # listed by hand for ten bits, and for nine
    "random": ("1111111111", "111111111"),
    "left": ("1111100000", "111110000"),
    "right": ("0000011111", "000011111"),
    "center": ("0011111000", "001111100"),
    "checkerboard": ("1010101010", "101010101"),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_codes(*shape: int) -> Tensor:
    """Random codes with a one in front, so that none is all zero."""
    codes = torch.randint(2, shape, generator=generator(99)).float()
    codes[..., 0] = 1
    return codes


def flipped_bits(code: list[float], noisy: list[float]) -> set[int]:
    return {place for place, (one, other) in enumerate(zip(code, noisy, strict=True)) if one != other}


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("bits", [10, 9])
def test_regions_are_those_listed_by_hand(kind: str, bits: int) -> None:
    assert "".join(str(int(bit)) for bit in noise_region(kind, bits)) == REGIONS[kind][10 - bits]


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("bits", [1, 9, 10])
def test_so_many_bits_are_flipped_and_those_of_the_region_first(kind: str, fraction: float, bits: int) -> None:
    codes = random_codes(40, 5, bits)
    before = codes.clone()
    noisy = flip_bits(codes, fraction, kind, generator())
    assert torch.equal(codes, before)
    assert noisy.shape == codes.shape
    assert noisy.dtype == codes.dtype
    assert set(noisy.unique().tolist()) <= {0.0, 1.0}
    region = {place for place in range(bits) if noise_region(kind, bits)[place]}
    for code, result in zip(codes.flatten(0, 1).tolist(), noisy.flatten(0, 1).tolist(), strict=True):
        flipped, asked = flipped_bits(code, result), round(fraction * bits)
        put_back = len(flipped) == asked - 1 and sum(result) == 1  # else nothing of the code would be left
        assert any(result)
        assert len(flipped) == asked or put_back
        assert len(flipped & region) >= min(asked, len(region)) - put_back
        assert asked > len(region) or flipped <= region


@pytest.mark.parametrize(
    ("kind", "fraction", "sets"),
    [
        ("random", 0.5, list(itertools.combinations(range(6), 3))),
        ("left", 1 / 3, [(0, 1), (0, 2), (1, 2)]),
        ("right", 1 / 6, [(3,), (4,), (5,)]),
        ("center", 1 / 3, [(1, 2), (1, 3), (2, 3)]),
        ("checkerboard", 1 / 3, [(0, 2), (0, 4), (2, 4)]),
        ("checkerboard", 2 / 3, [(0, 1, 2, 4), (0, 2, 3, 4), (0, 2, 4, 5)]),
        ("left", 5 / 6, [(0, 1, 2, 3, 4), (0, 1, 2, 3, 5), (0, 1, 2, 4, 5)]),
    ],
)
def test_all_sets_of_bits_are_equally_likely(kind: str, fraction: float, sets: list[tuple[int, ...]]) -> None:
    draws = 600 * len(sets)
    noisy = flip_bits(torch.ones(draws, 6), fraction, kind, generator())
    counts = Counter(tuple(place for place, bit in enumerate(code) if not bit) for code in noisy.tolist())
    assert set(counts) == set(sets)
    assert all(abs(count - 600) < 5 * 600**0.5 for count in counts.values())


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_every_code_gets_bits_of_its_own(kind: str) -> None:
    noisy = flip_bits(torch.ones(200, 10), 0.2, kind, generator())
    repeats = (noisy[1:] == noisy[:-1]).all(dim=1).float().mean().item()
    assert repeats < 0.25  # two codes agree by chance in one of 45 or, within five bits, in one of 10 cases


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_more_noise_flips_the_same_bits_and_further_ones(kind: str) -> None:
    codes = torch.cat([random_codes(50, 10), torch.ones(50, 2)], dim=1)
    results = [flip_bits(codes, flips / 12, kind, generator()) != codes for flips in range(12)]
    for fewer, more in itertools.pairwise(results):
        assert ((fewer <= more).all(dim=1) | (more.sum(dim=1) == fewer.sum(dim=1))).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_the_last_one_of_a_code_stays(kind: str) -> None:
    codes = torch.eye(10).repeat(50, 1)
    noisy = flip_bits(codes, 0.1, kind, generator())
    assert (noisy.sum(dim=1) > 0).all()
    kept = (noisy == codes).all(dim=1)  # the one flip met the one bit, and was taken back
    assert kept.any()
    assert torch.equal((noisy != codes).sum(dim=1), (~kept).long())


def test_of_a_code_of_ones_that_is_flipped_as_a_whole_any_one_comes_back() -> None:
    noisy = flip_bits(torch.ones(4000, 4), 1.0, "random", generator())
    assert (noisy.sum(dim=1) == 1).all()
    assert (noisy.sum(dim=0) - 1000).abs().max() < 5 * 750**0.5


def test_the_bit_that_was_drawn_last_comes_back() -> None:
    noisy = flip_bits(torch.ones(300, 6), 1.0, "left", generator())
    assert not noisy[:, :3].any()
    assert (noisy[:, 3:].sum(dim=1) == 1).all()


def test_no_noise_and_all_noise() -> None:
    codes = random_codes(30, 8)
    codes[:, 1] = 0
    for kind in NOISE_KINDS:
        assert torch.equal(flip_bits(codes, 0.0, kind, generator()), codes)
        assert torch.equal(flip_bits(codes, 1.0, kind, generator()), 1 - codes)


@pytest.mark.parametrize("device", DEVICES)
def test_codes_stay_on_their_device(device: str) -> None:
    codes = torch.ones(20, 10, device=device)
    noisy = flip_bits(codes, 0.3, "center", torch.Generator(device).manual_seed(0))
    assert noisy.device == codes.device
    assert (noisy.sum(dim=1) == 7).all()
    assert (noisy[:, [0, 1, 7, 8, 9]] == 1).all()


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_outside_the_unit_interval_is_named(fraction: float) -> None:
    with pytest.raises(InputError, match=f"^fraction is {fraction}: "):
        flip_bits(torch.ones(1, 4), fraction, "random", generator())


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(InputError, match=r"^kind is 'top': .*random, left, right, center, checkerboard$"):
        flip_bits(torch.ones(1, 4), 0.5, "top", generator())
