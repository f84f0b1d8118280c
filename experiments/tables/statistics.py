"""Statistics of few seeds (Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice", arXiv 2108.13264).

Scores are one a seed, in the metric's unit; NaN is left out. Intervals are by the percentile bootstrap at 95 %
(section 4.1): seeds are drawn again with replacement.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, trim_mean

from episodic.errors import require

CONFIDENCE, RESAMPLES, RANDOM_STATE = 0.95, 9999, 0
#: The share of the scores that the interquartile mean leaves out at either end.
TRIMMED = 0.25
#: How intervals are made, in words.
METHOD = f"percentile bootstrap over seeds, {RESAMPLES} resamples, random state {RANDOM_STATE}; no width: not shown"


class Estimate(NamedTuple):
    """A statistic of `number` scores and the bounds of its interval, which are NaN if there is none."""

    value: float
    low: float
    high: float
    number: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval; of no width if there is none."""
        return (self.value, self.value) if math.isnan(self.low) else (self.low, self.high)


#: From scores to an estimate.
Statistic = Callable[[Sequence[float]], Estimate]


def mean(scores: Sequence[float]) -> Estimate:
    """Return the mean with its interval.

    Raises:
        InputError: there is no score.
    """
    own = _numbers(scores)
    return Estimate(math.fsum(own) / len(own), *_interval((tuple(own),), _mean), len(own))


def interquartile_mean(scores: Sequence[float]) -> Estimate:
    """Return the mean of the middle half of the scores (section 4.3), with its interval.

    Of n scores, floor(n / 4) are left out at either end: of five the lowest and the highest.

    Raises:
        InputError: there is no score.

    >>> interquartile_mean([1.0, 2.0, 3.0, 4.0, 100.0]).value
    3.0
    """
    own = _numbers(scores)
    return Estimate(float(_trimmed_mean(np.asarray(own))), *_interval((tuple(own),), _trimmed_mean), len(own))


def mean_of_interquartile_means(strata: Sequence[Sequence[float]]) -> Estimate:
    """Return the mean over several tasks of the interquartile mean of each, with its interval.

    The bootstrap is stratified (section 4.1): the seeds of each task are drawn again by themselves. `number` is that of
    the task with the fewest scores.

    Differs from the paper: its interquartile mean of all scores together would leave out the hardest task of a few.

    Raises:
        InputError: a task has no score.

    >>> mean_of_interquartile_means([[1.0, 2.0], [3.0, 100.0]]).value
    26.5
    """
    own = [np.asarray(_numbers(scores)) for scores in strata]
    value, fewest = float(np.mean([_trimmed_mean(scores) for scores in own])), min(len(scores) for scores in own)
    if fewest < 2:
        return Estimate(value, math.nan, math.nan, fewest)
    generator = np.random.default_rng(RANDOM_STATE)
    drawn = [_trimmed_mean(scores[generator.integers(len(scores), size=(RESAMPLES, len(scores)))]) for scores in own]
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.mean(drawn, axis=0), [tail, 100 - tail])
    return Estimate(value, float(low), float(high), fewest)


def paired_difference(
    scores: Mapping[int, float], baseline: Mapping[int, float], statistic: Statistic
) -> Estimate | None:
    """Return a statistic of the differences `scores - baseline` of equal seeds; None without a common seed.

    Differs from the paper: it compares runs that have nothing in common. Here a seed's runs share their luck, which the
    difference takes out.
    """
    differences = [value - baseline[seed] for seed, value in scores.items() if seed in baseline]
    differences = [value for value in differences if not math.isnan(value)]
    return statistic(differences) if differences else None


def probability_of_improvement(scores: Sequence[float], others: Sequence[float]) -> Estimate:
    """Return P(X > Y), the probability that a run of X has a higher score than one of Y (section 4.3).

    `1 / (N K) sum_i sum_j S(x_i, y_j)`, where S is 1 for x > y, 1/2 for x = y and 0 for x < y: the statistic of Mann
    and Whitney divided by N K. Runs of X and Y are drawn again independently.

    Raises:
        InputError: either has no score.

    >>> probability_of_improvement([1.0, 2.0], [1.0, 0.0]).value
    0.875
    """
    own, other = _numbers(scores), _numbers(others)
    value = float(_order(np.asarray(own), np.asarray(other)))
    return Estimate(value, *_interval((tuple(own), tuple(other)), _order), len(own))


def normalised(estimate: Estimate, chance: float, ideal: float) -> Estimate:
    """Return `(score - chance) / (ideal - chance)`: 0 for chance, 1 for the ideal player.

    Raises:
        InputError: both are the same.

    >>> normalised(Estimate(3.0, 2.0, 4.0, 10), chance=1.0, ideal=5.0)[:3]
    (0.5, 0.25, 0.75)
    """
    require(chance != ideal, f"ideal is {ideal}: it must differ from chance")
    value, *bounds = ((score - chance) / (ideal - chance) for score in estimate[:3])
    return Estimate(value, min(bounds), max(bounds), estimate.number)


@lru_cache(maxsize=4096)
def _interval(samples: tuple[tuple[float, ...], ...], statistic: Callable[..., Any]) -> tuple[float, float]:
    """Return the percentile bootstrap interval (Efron and Tibshirani 1993, section 13.3).

    Percentile rather than BCa: it exists for every sample, also where all values are the same (a recall of 100 % with
    every seed), for which the acceleration of BCa is 0 / 0. With few values either is too narrow.
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


def _numbers(scores: Sequence[float]) -> list[float]:
    own = [float(score) for score in scores if not math.isnan(score)]
    require(bool(own), f"scores are {list(scores)}: at least one must be a number")
    return own


def _mean(sample: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    result: NDArray[Any] = np.mean(sample, axis=axis)
    return result


def _trimmed_mean(sample: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    result: NDArray[Any] = trim_mean(sample, TRIMMED, axis=axis)
    return result


def _order(own: NDArray[Any], other: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """X's `[..., N]` and Y's `[..., K]`, to `[...]`."""
    result: NDArray[Any] = (np.sign(own[..., :, None] - other[..., None, :]).mean(axis=(-2, -1)) + 1) / 2
    return result
