"""Means with confidence intervals over seeds."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import bootstrap

from episodic.errors import require

CONFIDENCE, RESAMPLES, RANDOM_STATE = 0.95, 9999, 0


class Estimate(NamedTuple):
    """A statistic of `number` values and the bounds of its interval, which are NaN where there is none."""

    value: float
    low: float
    high: float
    number: int


def mean_interval(values: Sequence[float]) -> Estimate:
    """The mean and its 95 % percentile bootstrap interval.

    Raises:
        InputError: there is no value.
    """
    require(len(values) > 0, "values is empty: a mean needs at least one")
    return Estimate(math.fsum(values) / len(values), *percentile_interval([values], np.mean), len(values))


def percentile_interval(samples: Sequence[Sequence[float]], statistic: Callable[..., Any]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a statistic (Efron and Tibshirani 1993, section 13.3).

    Percentile rather than BCa: it exists for every sample, also where all values are the same (a recall of 100 % with
    every seed), for which the acceleration of BCa is 0 / 0. With few values either is too narrow.

    Args:
        samples: each is resampled by itself, with replacement.
        statistic: of as many arrays `[..., n]`, along `axis`.

    Returns:
        Both bounds; NaN where a sample has fewer than two values.
    """
    if any(len(sample) < 2 for sample in samples):
        return math.nan, math.nan
    interval = bootstrap(
        tuple(np.asarray(sample, dtype=float) for sample in samples),
        statistic,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=RANDOM_STATE,
    ).confidence_interval
    return float(interval.low), float(interval.high)


def paired_differences(values: Mapping[int, float], baseline: Mapping[int, float]) -> list[float]:
    """`values - baseline` for every seed that both have."""
    return [value - baseline[seed] for seed, value in values.items() if seed in baseline]


def intervals_told() -> str:
    """How the intervals are made."""
    return f"percentile bootstrap over seeds, {RESAMPLES} resamples, random state {RANDOM_STATE}"


def confidence_told() -> str:
    """`95 %`."""
    return f"{CONFIDENCE:.0%}".replace("%", " %")
