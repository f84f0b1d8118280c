"""Barcodes: distinct, never all zero, evenly drawn, or far apart."""

import itertools
from collections import Counter

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks.barcodes.codes import check_code_count, distinct_barcodes, spread_barcodes, to_bits


def draw(batch: int, codes: int, bits: int, seed: int = 0) -> Tensor:
    return distinct_barcodes(batch, codes, bits, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("codes", "bits"), [(1, 1), (7, 3), (5, 3), (10, 10), (200, 12), (200, 13), (4000, 13), (50, 40), (20, 62)]
)
def test_codes_of_a_row_are_distinct_and_not_all_zero(codes: int, bits: int) -> None:
    drawn = draw(4, codes, bits)
    assert drawn.shape == (4, codes, bits)
    assert drawn.dtype == torch.float32
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    for row in drawn.tolist():
        assert len(set(map(tuple, row))) == codes
        assert all(any(code) for code in row)


def test_all_codes_are_used_where_there_are_no_others() -> None:
    for row in draw(5, 7, 3).tolist():
        numbers = [int(sum(bit * 2**i for i, bit in enumerate(code))) for code in row]
        assert sorted(numbers) == list(range(1, 8))


@pytest.mark.parametrize("bits", [12, 13, 40])
def test_bits_are_ones_half_of_the_time(bits: int) -> None:
    share = draw(200, 20, bits).mean(dim=(0, 1))
    assert (share - 0.5).abs().max() < 5 * 0.5 / 4000**0.5


def test_every_code_is_equally_likely_at_every_place() -> None:
    drawn = draw(7000, 2, 3).long()
    numbers = drawn @ torch.tensor([1, 2, 4])
    for place in range(2):
        counts = Counter(numbers[:, place].tolist())
        assert all(abs(counts[code] - 1000) < 5 * 1000**0.5 for code in range(1, 8))


@pytest.mark.parametrize("bits", [5, 40])
def test_rows_and_seeds_differ_and_a_seed_comes_back(bits: int) -> None:
    drawn = draw(2, 6, bits)
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn, draw(2, 6, bits, seed=1))
    assert torch.equal(drawn, draw(2, 6, bits))


@pytest.mark.parametrize(("codes", "bits"), [(8, 3), (2, 1), (1, 0), (1, -1), (1, 63)])
def test_impossible_numbers_name_the_bits(codes: int, bits: int) -> None:
    with pytest.raises(InputError, match=f"^bits is {bits}: "):
        check_code_count(codes, bits)
    with pytest.raises(InputError, match=f"^bits is {bits}: "):
        draw(1, codes, bits)


def test_the_message_says_how_many_codes_there_are() -> None:
    with pytest.raises(InputError, match=r"gives 7 barcodes .* 8 contexts"):
        check_code_count(8, 3)


def test_the_message_says_what_the_codes_are_for() -> None:
    with pytest.raises(InputError, match=r"8 vocabulary entries$"):
        check_code_count(8, 3, "vocabulary entries")


def test_bits_are_those_of_the_number_the_lowest_first() -> None:
    numbers = torch.tensor([[0, 1, 6], [2**61, 2**62 - 1, 5]])
    for row, found in zip(numbers.tolist(), to_bits(numbers, 62).tolist(), strict=True):
        assert found == [[float(bit) for bit in reversed(f"{number:062b}")] for number in row]


def spread(codes: int, bits: int, distance: int, seed: int = 0) -> Tensor:
    return spread_barcodes(codes, bits, distance, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("codes", "bits", "distance"), [(1, 1, 1), (3, 2, 1), (7, 3, 1), (5, 8, 4), (60, 24, 7)])
def test_spread_codes_are_so_far_apart_and_not_all_zero(codes: int, bits: int, distance: int) -> None:
    drawn = spread(codes, bits, distance)
    assert drawn.shape == (codes, bits)
    assert drawn.dtype == torch.float32
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    assert drawn.any(dim=1).all()
    for one, other in itertools.combinations(drawn.tolist(), 2):
        assert sum(a != b for a, b in zip(one, other, strict=True)) >= distance


def test_spread_codes_follow_the_generator_alone() -> None:
    torch.manual_seed(1)
    drawn = spread(9, 12, 3)
    torch.manual_seed(2)
    assert torch.equal(spread(9, 12, 3), drawn)
    assert not torch.equal(spread(9, 12, 3, seed=1), drawn)


def test_spread_codes_are_the_first_that_are_far_enough() -> None:
    generator, kept = torch.Generator().manual_seed(5), list[list[float]]()
    for code in to_bits(torch.randint(1, 2**16, (4 * 20,), generator=generator), 16).tolist():
        if all(sum(a != b for a, b in zip(code, other, strict=True)) >= 4 for other in kept) and len(kept) < 20:
            kept.append(code)
    assert spread(20, 16, 4, seed=5).tolist() == kept


@pytest.mark.parametrize(
    ("codes", "bits", "distance", "message"),
    [
        (4, 2, 1, "bits is 2: .* 3 barcodes .* 4 characters"),
        (2, 63, 1, "bits is 63: .* 62"),
        (2, 8, 0, "distance is 0: .*greater than 0"),
        (30, 5, 3, r"distance is 3: only \d of 30 barcodes of 5 bits .*more bits or a smaller distance"),
    ],
)
def test_codes_that_cannot_be_spread_are_one_line(codes: int, bits: int, distance: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$") as error:
        spread(codes, bits, distance)
    assert "\n" not in str(error.value)
