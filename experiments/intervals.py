"""Means with confidence intervals over seeds."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap

from errors import require

CONFIDENCE, RESAMPLES, RANDOM_STATE = 0.95, 9999, 0


class Estimate(NamedTuple):
    """A mean over `number` values and the bounds of its interval, which are NaN for a single value."""

    mean: float
    low: float
    high: float
    number: int


def mean_interval(values: Sequence[float]) -> Estimate:
    """The mean and its 95 % percentile bootstrap interval (Efron and Tibshirani 1993, section 13.3).

    Percentile rather than BCa: it exists for every sample, also where all values are the same (a recall of 100 % with
    every seed), for which the acceleration of BCa is 0 / 0. With few values either is too narrow.

    Raises:
        InputError: there is no value.
    """
    require(len(values) > 0, "values is empty: a mean needs at least one")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Estimate(mean, math.nan, math.nan, 1)
    interval = bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=RANDOM_STATE,
    ).confidence_interval
    return Estimate(mean, float(interval.low), float(interval.high), len(values))


def paired_differences(values: Mapping[int, float], baseline: Mapping[int, float]) -> list[float]:
    """`values - baseline` for every seed that both have."""
    return [value - baseline[seed] for seed, value in values.items() if seed in baseline]
