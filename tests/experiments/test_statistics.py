"""Statistics against slow loops, all resamples, scipy and rliable."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from episodic.errors import InputError
from experiments.tables.formatting import format_estimate, format_value
from experiments.tables.statistics import (
    Estimate,
    interquartile_mean,
    mean,
    mean_of_interquartile_means,
    normalised,
    paired_difference,
    probability_of_improvement,
)

NAN = math.nan
FIVE, FOUR = [8.1, 8.4, 8.3, 8.9, 8.2], [7.0, 8.3, 8.35, 9.5]
Scores = Sequence[float]


def slow_interquartile_mean(scores: Scores) -> float:
    """By sorting: what is left when a quarter, rounded down, has gone at either end."""
    left = sorted(scores)
    for _ in range(len(left) // 4):
        left.remove(min(left))
        left.remove(max(left))
    return sum(left) / len(left)


def slow_probability(own: Scores, other: Scores) -> float:
    won = [1.0 if x > y else 0.5 if x == y else 0.0 for x in own for y in other]
    return sum(won) / len(won)


def limits(statistic: Callable[..., float], *samples: Scores) -> list[float]:
    """The interval over every way to draw each sample again, all equally likely."""
    drawn = itertools.product(*(itertools.product(sample, repeat=len(sample)) for sample in samples))
    values = [statistic(*each) for each in drawn]
    return [float(bound) for bound in np.quantile(values, [0.025, 0.975], method="inverted_cdf")]


def assert_close(estimate: Estimate, value: float, bounds: Scores, number: int, width: float) -> None:
    assert estimate.value == pytest.approx(value)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(bounds), abs=width)
    assert estimate.number == number


@pytest.mark.parametrize("scores", [FIVE, FOUR, [0.0, 1.0, 0.2], [1.0, 5.0]])
def test_means_and_their_intervals_are_those_of_all_resamples(scores: list[float]) -> None:
    width = 0.04 * (max(scores) - min(scores))
    bounds = limits(slow_interquartile_mean, scores)
    assert_close(interquartile_mean(scores), slow_interquartile_mean(scores), bounds, len(scores), width)
    average = limits(lambda drawn: sum(drawn) / len(drawn), scores)
    assert_close(mean(scores), sum(scores) / len(scores), average, len(scores), width)


def test_rliable_has_the_same_means_and_probabilities() -> None:
    metrics: Any = pytest.importorskip("rliable.metrics")
    own, other = np.array(FIVE)[:, None], np.array(FOUR)[:, None]
    assert interquartile_mean(FIVE).value == pytest.approx(metrics.aggregate_iqm(own))
    expected = metrics.probability_of_improvement(own, other)
    assert probability_of_improvement(FIVE, FOUR).value == pytest.approx(expected)


@pytest.mark.parametrize(("own", "other"), [(FIVE, FOUR), ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), ([1.0, 2.0], [2.0, 2.0])])
def test_the_probability_of_improvement_is_that_of_all_pairs(own: list[float], other: list[float]) -> None:
    estimate = probability_of_improvement(own, other)
    assert_close(estimate, slow_probability(own, other), limits(slow_probability, own, other), len(own), 0.06)
    assert estimate.value == pytest.approx(mannwhitneyu(own, other).statistic / (len(own) * len(other)))
    assert estimate.value + probability_of_improvement(other, own).value == pytest.approx(1.0)


def test_differences_are_of_the_same_seeds() -> None:
    own, other = {1: 5.0, 2: 7.0, 3: 6.5, 4: NAN, 9: 0.0}, {3: 6.0, 2: 6.75, 1: 4.0, 4: 1.0, 8: 0.0}
    differences = [1.0, 0.25, 0.5]
    estimate = paired_difference(own, other, interquartile_mean)
    assert estimate is not None
    bounds = limits(slow_interquartile_mean, differences)
    assert_close(estimate, slow_interquartile_mean(differences), bounds, 3, 0.03)
    assert paired_difference({1: 1.0}, {2: 1.0}, mean) is None
    assert paired_difference({1: 1.5, 2: 4.5}, {1: 1.0, 2: 4.0}, mean) == (0.5, 0.5, 0.5, 2)


def test_one_seed_has_no_interval_and_nothing_is_an_error() -> None:
    one = interquartile_mean([8.0])
    assert (one.value, one.number, one.bounds) == (8.0, 1, (8.0, 8.0))
    assert math.isnan(one.low)
    assert interquartile_mean([*FIVE, NAN]) == interquartile_mean(FIVE)
    for scores in ([], [NAN]):
        with pytest.raises(InputError, match="at least one must be a number"):
            mean(scores)


def test_normalised_scores() -> None:
    own = interquartile_mean(FIVE)
    scaled = normalised(own, 1.8, 8.4)
    assert scaled[:3] == pytest.approx([(value - 1.8) / 6.6 for value in own[:3]])
    assert normalised(Estimate(1.0, 0.5, 2.0, 3), 4.0, 0.0) == (0.75, 0.5, 0.875, 3)  # less of a cost is better
    with pytest.raises(InputError, match=r"ideal is 2\.0: it must differ"):
        normalised(own, 2.0, 2.0)


@pytest.mark.parametrize(
    ("metric", "value", "signed", "text"),
    [
        ("test/reward", 8.366, False, "8.37"),
        ("test/reward", -0.001, True, "-0.00"),
        ("test/reward", 0.0, True, "0.00"),
        ("test/reward", -0.001, False, "0.00"),
        ("test/recall_accuracy", 0.98765, False, "98.8 %"),
        ("test/separation", 0.98765, False, "0.9877"),
    ],
)
def test_numbers_are_written_by_their_kind(metric: str, value: float, signed: bool, text: str) -> None:
    assert format_value(metric, value, signed) == text


def test_an_interval_without_width_is_left_out() -> None:
    assert format_estimate("test/reward", Estimate(8.0, 7.999, 8.001, 5), 5) == "8.00"
    assert format_estimate("test/recall_accuracy", Estimate(0.5, 0.499, 0.5, 5), 5) == "50.0 % [49.9, 50.0]"


def test_fewer_seeds_are_told() -> None:
    estimate = Estimate(8.0, 7.5, 8.25, 4)
    assert format_estimate("test/reward", estimate, 5) == "8.00 [7.50, 8.25] (n = 4)"


def test_the_stratified_interval_is_that_of_all_resamples() -> None:
    """Seeds are drawn again within each task: of two tasks with two seeds there are sixteen samples."""
    strata = [[1.0, 2.0], [5.0, 9.0]]
    means = [[slow_interquartile_mean(pair) for pair in itertools.product(scores, repeat=2)] for scores in strata]
    samples = [(one + other) / 2 for one, other in itertools.product(*means)]
    estimate = mean_of_interquartile_means(strata)
    assert estimate.value == (1.5 + 7.0) / 2
    assert estimate.bounds == tuple(np.percentile(np.repeat(samples, 1000), [2.5, 97.5]))
    assert math.isnan(mean_of_interquartile_means([[1.0], [5.0, 9.0]]).low)


def test_each_task_counts_the_same_and_none_is_left_out() -> None:
    strata = [[0.0] * 4, [1.0] * 40, [0.8, 0.9, 1.0]]
    estimate = mean_of_interquartile_means(strata)
    assert estimate.value == pytest.approx((0.0 + 1.0 + 0.9) / 3)
    assert estimate.number == 3
