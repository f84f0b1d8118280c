import itertools
import math
import warnings

import numpy as np
import pytest

from episodic.errors import InputError
from experiments.intervals import mean_interval, paired_differences


@pytest.mark.parametrize("values", [[8.1, 8.4, 8.3, 8.9, 8.2], [0.0, 1.0, 0.2, 0.3], [-3.0, 5.0]], ids=str)
def test_the_interval_is_that_of_all_resamples(values: list[float]) -> None:
    means = [sum(drawn) / len(values) for drawn in itertools.product(values, repeat=len(values))]
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    found = mean_interval(values)
    assert found.value == pytest.approx(sum(values) / len(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (max(values) - min(values)))
    assert found.number == len(values)
    assert mean_interval(values) == found


def test_equal_values_have_an_interval_of_no_width() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5, 3)


def test_one_value_has_none() -> None:
    found = mean_interval([8.0])
    assert (found.value, found.number) == (8.0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_value_is_an_error() -> None:
    with pytest.raises(InputError, match="values is empty"):
        mean_interval([])


def test_differences_are_paired_by_seed() -> None:
    assert paired_differences({1: 5.0, 3: 7.0, 2: 1.0}, {2: 0.5, 3: 10.0, 9: 0.0}) == [-3.0, 0.5]
