import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from episodic.errors import InputError
from experiments.intervals import Estimate
from experiments.statistics import interquartile_mean, normalised, paired_difference, probability_of_improvement

NAN = math.nan
FIVE, FOUR = [8.1, 8.4, 8.3, 8.9, 8.2], [7.0, 8.3, 8.35, 9.5]
Strata = Sequence[Sequence[float]]


def slow_interquartile_mean(strata: Strata) -> float:
    """By sorting: what is left when a quarter, rounded down, has gone at either end."""
    scores = sorted(score for stratum in strata for score in stratum)
    for _ in range(len(scores) // 4):
        scores.remove(min(scores))
        scores.remove(max(scores))
    return sum(scores) / len(scores)


def slow_probability(strata: Strata, others: Strata) -> float:
    """By two loops, over tasks and over pairs of runs."""
    chances = []
    for own, other in zip(strata, others, strict=True):
        won = [1.0 if x > y else 0.5 if x == y else 0.0 for x in own for y in other]
        chances.append(sum(won) / len(won))
    return sum(chances) / len(chances)


def all_resamples(strata: Strata) -> Iterator[Strata]:
    """Every way to draw each stratum again, all equally likely."""
    return itertools.product(*(itertools.product(stratum, repeat=len(stratum)) for stratum in strata))


def limits(statistic: Callable[[Strata], float], strata: Strata) -> list[float]:
    values = [statistic(drawn) for drawn in all_resamples(strata)]
    return [float(bound) for bound in np.quantile(values, [0.025, 0.975], method="inverted_cdf")]


def assert_close(found: Estimate, value: float, bounds: Sequence[float], number: int, width: float) -> None:
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx(tuple(bounds), abs=width)
    assert found.number == number


@pytest.mark.parametrize("strata", [[FIVE], [FOUR], [[0.0, 1.0, 0.2]], [[1.0, 5.0]], [[0.1, 0.9, 0.4], [3.0, 1.0]]])
def test_the_interquartile_mean_and_its_interval_are_those_of_all_resamples(strata: Strata) -> None:
    found = interquartile_mean(strata)
    spread = max(map(max, strata)) - min(map(min, strata))
    bounds = limits(slow_interquartile_mean, strata)
    assert_close(found, slow_interquartile_mean(strata), bounds, sum(map(len, strata)), 0.04 * spread)
    assert interquartile_mean(strata) == found


def test_each_stratum_keeps_its_number_of_seeds() -> None:
    """Drawn from the pool instead, the interval would be as wide as the gap between the strata."""
    found = interquartile_mean([[0.0, 0.1, 0.2], [10.0, 10.1, 10.2]])
    assert found.value == pytest.approx(5.1)
    assert 4.9 < found.low <= found.value <= found.high < 5.3


def test_the_interquartile_mean_forgets_outliers() -> None:
    assert interquartile_mean([[1.0, 2.0, 3.0, -1e9, 1e9]]).value == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("strata", "others"),
    [
        ([FIVE], [FOUR]),
        ([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]]),
        ([[1.0, 2.0, 3.0]], [[2.0, 2.0]]),
        ([[1.0, 2.0], [5.0, 1.0, 3.0]], [[0.0, 1.5], [4.0, 2.0]]),
    ],
    ids=str,
)
def test_the_probability_of_improvement_is_that_of_all_pairs_and_resamples(strata: Strata, others: Strata) -> None:
    tasks = len(strata)
    found = probability_of_improvement(strata, others)
    bounds = limits(lambda drawn: slow_probability(drawn[:tasks], drawn[tasks:]), [*strata, *others])
    assert_close(found, slow_probability(strata, others), bounds, sum(map(len, strata)), 0.06)
    assert probability_of_improvement(strata, others) == found


def test_on_one_task_it_is_the_statistic_of_mann_and_whitney() -> None:
    statistic = mannwhitneyu(FIVE, FOUR).statistic
    assert probability_of_improvement([FIVE], [FOUR]).value == pytest.approx(statistic / 20)


def test_the_probabilities_of_both_sides_add_up_to_one() -> None:
    there, back = probability_of_improvement([FIVE], [FOUR]), probability_of_improvement([FOUR], [FIVE])
    assert there.value + back.value == pytest.approx(1.0)
    assert probability_of_improvement([[3.0, 4.0]], [[1.0, 2.0]])[:3] == (1.0, 1.0, 1.0)
    assert probability_of_improvement([[1.0, 2.0]], [[3.0, 4.0]])[:3] == (0.0, 0.0, 0.0)


def test_differences_are_of_the_same_seeds() -> None:
    own, other = {1: 5.0, 2: 7.0, 3: 6.5, 4: NAN, 9: 0.0}, {3: 6.0, 2: 6.75, 1: 4.0, 4: 1.0, 8: 0.0}
    differences = [[1.0, 0.25, 0.5]]
    found = paired_difference([own], [other])
    assert found is not None
    bounds = limits(slow_interquartile_mean, differences)
    assert_close(found, slow_interquartile_mean(differences), bounds, 3, 0.03)


def test_a_difference_that_all_seeds_share_has_no_width_however_far_they_are_apart() -> None:
    baseline = {1: 1.0, 2: 4.0, 3: 16.0}
    found = paired_difference([{seed: score + 0.5 for seed, score in baseline.items()}], [baseline])
    assert found == (0.5, 0.5, 0.5, 3)
    two = paired_difference([{1: 1.0, 2: 2.0}, {1: 5.0}], [{1: 0.5, 2: 1.5}, {1: 4.5}])
    assert two is not None
    assert two.value == 0.5


@pytest.mark.parametrize(
    ("own", "other"), [([{1: 1.0}], [{2: 1.0}]), ([{}], [{}]), ([], []), ([{1: 1.0}, {1: NAN}], [{1: 1.0}, {1: 1.0}])]
)
def test_without_a_common_seed_there_is_no_difference(
    own: list[dict[int, float]], other: list[dict[int, float]]
) -> None:
    assert paired_difference(own, other) is None


def test_equal_scores_have_intervals_of_no_width() -> None:
    same = [[0.5, 0.5, 0.5]]
    assert interquartile_mean(same) == (0.5, 0.5, 0.5, 3)
    assert probability_of_improvement(same, [[0.5, 0.5]]) == (0.5, 0.5, 0.5, 3)
    assert paired_difference([{1: 2.0, 2: 3.0}], [{1: 2.0, 2: 3.0}]) == (0.0, 0.0, 0.0, 2)


def test_one_seed_has_no_interval() -> None:
    difference = paired_difference([{1: 2.0}], [{1: 1.5}])
    assert difference is not None
    for found, value in (
        (interquartile_mean([[8.0]]), 8.0),
        (difference, 0.5),
        (probability_of_improvement([[8.0]], [[7.0]]), 1.0),
        (probability_of_improvement([[8.0]], [[7.0, 9.0]]), 0.5),
    ):
        assert (found.value, found.number) == (value, 1)
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_what_is_not_a_number_is_left_out() -> None:
    assert interquartile_mean([[8.1, NAN, 8.4, 8.3, 8.9, 8.2]]) == interquartile_mean([FIVE])
    assert probability_of_improvement([[NAN, *FIVE]], [[*FOUR, NAN]]) == probability_of_improvement([FIVE], [FOUR])


def test_nothing_is_an_error() -> None:
    empty: list[Strata] = [[], [[]], [[NAN]], [[1.0], []]]
    for strata in empty:
        with pytest.raises(InputError, match=r"^strata is .*: it must hold a score in every stratum$"):
            interquartile_mean(strata)
    with pytest.raises(InputError, match=r"^others is \[\[\]\]"):
        probability_of_improvement([[1.0]], [[]])
    with pytest.raises(InputError, match=r"^others has 2 strata: it has to have 1"):
        probability_of_improvement([[1.0]], [[1.0], [2.0]])


def test_scores_between_chance_and_ideal() -> None:
    assert normalised([1.8, 8.4, 5.1], 1.8, 8.4) == pytest.approx([0.0, 1.0, 0.5])
    assert normalised([4.0, 0.0], 4.0, 0.0) == [0.0, 1.0], "less of a cost is better"
    assert math.isnan(normalised([NAN], 0.0, 1.0)[0])
    with pytest.raises(InputError, match=r"^ideal is 2.0: it has to differ from chance$"):
        normalised([1.0], 2.0, 2.0)


def test_the_interval_moves_with_the_scores() -> None:
    own, scaled = interquartile_mean([FIVE]), interquartile_mean([normalised(FIVE, 1.8, 8.4)])
    assert scaled[:3] == pytest.approx(normalised(own[:3], 1.8, 8.4))
