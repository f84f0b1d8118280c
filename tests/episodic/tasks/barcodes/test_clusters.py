"""Clustered barcodes: near within a cluster, far between clusters, drawn evenly."""

import itertools
import time
from collections import Counter

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks.barcodes.clusters import ClusterRule, cluster_codebook, clustered_barcodes


def draw(batch: int, codes: int, bits: int, rule: ClusterRule, seed: int = 0) -> Tensor:
    return clustered_barcodes(batch, codes, bits, rule, torch.Generator().manual_seed(seed))


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def clusters_of(codes: list[tuple[float, ...]], rule: ClusterRule) -> list[list[tuple[float, ...]]]:
    """Put each code to the first cluster that has a code within the spread."""
    clusters: list[list[tuple[float, ...]]] = []
    for code in codes:
        home = next((one for one in clusters if any(distance(code, other) <= rule.spread for other in one)), None)
        if home is None:
            clusters.append([code])
        else:
            home.append(code)
    return clusters


def check_codes(codes: list[tuple[float, ...]], rule: ClusterRule) -> None:
    clusters = clusters_of(codes, rule)
    assert sorted(map(len, clusters), reverse=True) == rule.sizes(len(codes))
    for cluster in clusters:
        assert all(1 <= distance(*pair) <= rule.spread for pair in itertools.combinations(cluster, 2))
    for one, other in itertools.combinations(clusters, 2):
        assert all(distance(*pair) >= rule.separation for pair in itertools.product(one, other))


@pytest.mark.parametrize(
    ("codes", "bits", "rule"),
    [
        (10, 10, ClusterRule(5, 2, 4)),
        (10, 10, ClusterRule(3, 2, 5)),
        (10, 10, ClusterRule(10, 1, 4)),
        (7, 3, ClusterRule(1, 3, 4)),  # all codes that there are but one
        (12, 13, ClusterRule(4, 2, 5)),
        (25, 40, ClusterRule(4, 6, 12)),
        (30, 62, ClusterRule(6, 4, 20)),
    ],
    ids=str,
)
def test_all_pairs_are_as_near_and_as_far_as_asked_for(codes: int, bits: int, rule: ClusterRule) -> None:
    drawn = draw(6, codes, bits, rule)
    assert drawn.shape == (6, codes, bits)
    assert drawn.dtype == torch.float32
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    for row in drawn.tolist():
        found = list(map(tuple, row))
        assert (0.0,) * bits not in found
        assert len(set(found)) == codes
        check_codes(found, rule)


@pytest.mark.parametrize(
    ("codes", "clusters", "sizes"), [(10, 3, [4, 3, 3]), (9, 3, [3, 3, 3]), (5, 5, [1, 1, 1, 1, 1]), (7, 1, [7])]
)
def test_codes_are_shared_out_evenly(codes: int, clusters: int, sizes: list[int]) -> None:
    assert ClusterRule(clusters, 2, 4).sizes(codes) == sizes


def test_every_pair_of_neighbours_is_equally_likely() -> None:
    # Of three bits: 9 pairs of codes other than zero that differ in one bit, in either order.
    rule = ClusterRule(1, 1, 2)
    drawn = draw(9000, 2, 3, rule).long() @ torch.tensor([1, 2, 4])
    counts = Counter(map(tuple, drawn.tolist()))
    expected = {(a, b) for a in range(1, 8) for b in range(1, 8) if (a ^ b).bit_count() == 1}
    assert set(counts) == expected
    assert len(expected) == 18
    assert all(abs(count - 500) < 5 * 500**0.5 for count in counts.values())


def test_no_code_is_zero_where_chance_would_have_it_so() -> None:
    # Inverted by any mask of 13 bits, 200 codes would meet themselves in one of 41 rows.
    drawn = draw(2000, 200, 13, ClusterRule(1, 13, 14))
    assert drawn.any(dim=2).all()


@pytest.mark.parametrize("bits", [8, 13])
def test_which_codes_share_a_cluster_is_drawn(bits: int) -> None:
    rule = ClusterRule(2, 2, 4)
    drawn = draw(3000, 4, bits, rule)
    together = ((drawn[:, :1] != drawn[:, 1:]).sum(dim=2) <= 2).float()
    assert (together.sum(dim=1) == 1).all()
    assert (together.mean(dim=0) - 1 / 3).abs().max() < 5 * (2 / 9 / 3000) ** 0.5


@pytest.mark.parametrize("bits", [10, 40])
def test_rows_and_seeds_differ_and_a_seed_comes_back(bits: int) -> None:
    rule = ClusterRule(3, 2, 4)
    drawn = draw(2, 9, bits, rule)
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn, draw(2, 9, bits, rule, seed=1))
    assert torch.equal(drawn, draw(2, 9, bits, rule))


@pytest.mark.parametrize("bits", [10, 40])
def test_bits_are_ones_half_of_the_time(bits: int) -> None:
    share = draw(2000, 6, bits, ClusterRule(3, 2, 4)).mean(dim=0)
    assert (share - 0.5).abs().max() < 5 * 0.5 / 2000**0.5


def test_the_codebook_does_not_depend_on_what_happened_before() -> None:
    rule = ClusterRule(4, 2, 4)
    found = cluster_codebook(11, 10, rule)
    before = torch.get_rng_state()
    cluster_codebook.cache_clear()
    assert torch.equal(cluster_codebook(11, 10, rule), found)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("codes", "bits", "rule", "message"),
    [
        (10, 10, ClusterRule(11, 2, 4), r"^clusters is 11: .*at most .*10"),
        (10, 10, ClusterRule(0, 2, 4), "^clusters is 0: "),
        (10, 10, ClusterRule(2, 0, 4), "^cluster_spread is 0: "),
        (10, 10, ClusterRule(2, 4, 4), "^cluster_separation is 4: .*cluster_spread, 4"),
        (10, 10, ClusterRule(2, 4, 3), "^cluster_separation is 3: .*cluster_spread, 4"),
        (8, 3, ClusterRule(1, 3, 4), "^bits is 3: that gives 7"),
        (
            10,
            10,
            ClusterRule(5, 2, 9),
            "^clusters is 5 with cluster_spread 2, cluster_separation 9 and bits 10: impossible Hamming separation",
        ),
        (10, 10, ClusterRule(2, 1, 4), "^clusters is 2 with cluster_spread 1, .*impossible Hamming separation"),
    ],
    ids=str,
)
def test_bad_input_is_named(codes: int, bits: int, rule: ClusterRule, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        draw(1, codes, bits, rule)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("rule", [ClusterRule(50, 4, 19), ClusterRule(10, 4, 30), ClusterRule(2, 2, 4)], ids=str)
def test_a_search_in_vain_ends_soon(rule: ClusterRule) -> None:
    started = time.process_time()
    with pytest.raises(InputError, match="impossible Hamming separation"):
        cluster_codebook(100, 40, rule)
    assert time.process_time() - started < 5
