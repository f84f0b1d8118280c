"""The search for clustered codes, against going through all codes there are."""

import itertools

import pytest
import torch
from torch import Tensor

from episodic.tasks.barcodes.codebook import find_codebook, hamming_distances


def find(sizes: list[int], bits: int, spread: int, separation: int) -> Tensor:
    return find_codebook(sizes, bits, spread, separation, torch.Generator().manual_seed(0))


def distance(one: list[float], other: list[float]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def keeps_to(book: Tensor, sizes: list[int], spread: int, separation: int) -> bool:
    """Whether all pairs of codes are as near and as far as asked for."""
    cluster = [number for number, size in enumerate(sizes) for _ in range(size)]
    for (i, one), (j, other) in itertools.combinations(enumerate(book.tolist()), 2):
        d = distance(one, other)
        if not (1 <= d <= spread if cluster[i] == cluster[j] else d >= separation):
            return False
    return True


def exists(sizes: list[int], bits: int, spread: int, separation: int) -> bool:
    """Try all ways to choose code after code."""
    cluster = [number for number, size in enumerate(sizes) for _ in range(size)]

    def fits(word: int, chosen: list[int]) -> bool:
        for place, other in enumerate(chosen):
            d = (word ^ other).bit_count()
            if not (1 <= d <= spread if cluster[place] == cluster[len(chosen)] else d >= separation):
                return False
        return True

    def complete(chosen: list[int]) -> bool:
        if len(chosen) == len(cluster):
            return True
        return any(fits(word, chosen) and complete([*chosen, word]) for word in range(2**bits))

    return complete([0])  # inverting bits keeps distances: any code may be the first


def small_cases() -> list[tuple[list[int], int, int, int]]:
    cases = []
    for bits, clusters, size, more in itertools.product((2, 3, 4), (1, 2, 3), (1, 2, 3), (0, 1)):
        if clusters * size + more < 2**bits and more < clusters:
            sizes = [size + (number < more) for number in range(clusters)]
            cases += [(sizes, bits, s, d) for s in (1, 2) for d in range(s + 1, 4)]
    return cases


def test_what_can_be_is_found_and_nothing_else() -> None:
    possible = 0
    for sizes, bits, spread, separation in small_cases():
        book = find(sizes, bits, spread, separation)
        assert (len(book) > 0) == exists(sizes, bits, spread, separation), (sizes, bits, spread, separation)
        possible += len(book) > 0
        if len(book):
            assert book.shape == (sum(sizes), bits)
            assert keeps_to(book, sizes, spread, separation)
    assert 20 < possible < len(small_cases()) - 20


@pytest.mark.parametrize(
    ("sizes", "bits", "spread", "separation"),
    [
        ([2] * 5, 10, 2, 4),
        ([4] * 10, 10, 2, 4),
        ([4, 3, 3], 10, 2, 6),
        ([11, 11], 10, 2, 4),  # two whole balls of radius 1
        ([10, 10], 10, 4, 8),  # dense clusters
        ([1] * 10, 10, 4, 5),  # densely packed ones
        ([8] * 5, 10, 2, 4),  # scattered ones
        ([20], 10, 3, 4),  # the largest set of diameter 3 (Kleitman 1966)
        ([2] * 5, 20, 2, 8),
        ([10] * 10, 40, 6, 10),
        ([5] * 20, 62, 4, 20),
        ([3] * 4, 13, 2, 5),  # the first length at which not all codes are listed
    ],
)
def test_codebooks_keep_to_the_rule(sizes: list[int], bits: int, spread: int, separation: int) -> None:
    book = find(sizes, bits, spread, separation)
    assert book.shape == (sum(sizes), bits)
    assert set(book.unique().tolist()) <= {0.0, 1.0}
    assert keeps_to(book, sizes, spread, separation)


@pytest.mark.parametrize(
    ("sizes", "bits", "separation"), [([1] * 16, 8, 4), ([1] * 12, 10, 5), ([1] * 32, 10, 4), ([1] * 4, 6, 4)]
)
def test_codes_that_stand_alone_are_good_error_correcting_codes(sizes: list[int], bits: int, separation: int) -> None:
    # The first and the second are as large as a code of that length and distance can be (MacWilliams and Sloane 1977).
    assert keeps_to(find(sizes, bits, 1, separation), sizes, 1, separation)


@pytest.mark.parametrize(
    ("sizes", "bits", "spread", "separation"),
    [
        ([5, 5], 10, 2, 11),  # further apart than there are bits
        ([1] * 3, 10, 2, 7),  # three codes differ from each other in two thirds of the bits at most
        ([12], 10, 2, 3),  # a ball of radius 1 has 11 codes
        ([3, 3], 40, 1, 4),  # three codes cannot all be neighbours
        ([1] * 41, 10, 1, 4),  # the largest code of that length and distance has 40
    ],
)
def test_what_cannot_be_is_not_found(sizes: list[int], bits: int, spread: int, separation: int) -> None:
    assert find(sizes, bits, spread, separation).shape == (0, bits)


def test_spread_is_made_use_of() -> None:
    # A cluster of neighbours would keep to the rule too, but nobody asks for a spread of 6 to get one of 2.
    book = find([5, 5], 20, 6, 8).tolist()
    assert max(distance(one, other) for one, other in itertools.combinations(book[:5], 2)) >= 5


def test_distances_are_those_counted_bit_by_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    words, others = (torch.randint(2, (n, 40), generator=generator).float() for n in (7, 9))
    expected = [[distance(one, other) for other in others.tolist()] for one in words.tolist()]
    assert hamming_distances(words, others).tolist() == expected
