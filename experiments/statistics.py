"""Statistics of few seeds (Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice", arXiv 2108.13264).

A stratum holds one score a seed, of one condition on one task; scores have the metric's unit, or none once normalised.
Scores that are NaN are left out, and strata may differ in their number of seeds. Intervals are by the stratified
percentile bootstrap at 95 % (section 4.1): seeds are drawn again within each stratum. That takes strata for
independent, which results of the same agents on several tasks are not.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

from episodic.errors import require
from experiments.intervals import Estimate, paired_differences, percentile_interval

#: The share of the scores that the interquartile mean leaves out at either end.
TRIMMED = 0.25


def interquartile_mean(strata: Sequence[Sequence[float]]) -> Estimate:
    """The mean of the middle half of all scores (section 4.3), with its stratified bootstrap interval.

    Of n scores, floor(n / 4) are left out at either end: of five the lowest and the highest.

    Args:
        strata: M strata of N_m scores each.

    Returns:
        The mean in the scores' unit, over `number` scores; no bounds where a stratum has fewer than two.

    Raises:
        InputError: there is no stratum, or one without a score.
    """
    samples = _samples("strata", strata)
    value = float(_trimmed_mean(*(np.asarray(sample) for sample in samples)))
    return Estimate(value, *percentile_interval(samples, _trimmed_mean), sum(map(len, samples)))


def paired_difference(
    strata: Sequence[Mapping[int, float]], baselines: Sequence[Mapping[int, float]]
) -> Estimate | None:
    """The interquartile mean of the differences `score - baseline` of the same seeds, with its interval.

    Differs from the paper: it compares runs that have nothing in common. Here a seed's runs share their luck, which the
    difference takes out.

    Args:
        strata: M strata of scores by seed.
        baselines: the baseline's, in the same order.

    Returns:
        As `interquartile_mean`, over the seeds that both have; None where a stratum has no such seed.
    """
    pairs = [paired_differences(own, other) for own, other in zip(strata, baselines, strict=True)]
    differences = [_numbers(found) for found in pairs]
    return interquartile_mean(differences) if differences and all(differences) else None


def probability_of_improvement(strata: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> Estimate:
    """P(X > Y): how likely a run of X has a higher score than one of Y on a task drawn at random (section 4.3).

    `1 / M sum_m 1 / (N_m K_m) sum_i sum_j S(x_mi, y_mj)`, where S is 1 for x > y, 1/2 for x = y and 0 for x < y: on
    one task the statistic of Mann and Whitney divided by N K. Runs of X and Y are drawn again independently.

    Args:
        strata: of X, M strata of N_m scores each.
        others: of Y, M strata of K_m scores each, on the same tasks.

    Returns:
        A probability, over the `number` scores of X; no bounds where a stratum of either has fewer than two.

    Raises:
        InputError: X and Y differ in their number of strata; there is none, or one without a score.
    """
    require(len(strata) == len(others), f"others has {len(others)} strata: it has to have {len(strata)}, as strata has")
    own, other = _samples("strata", strata), _samples("others", others)
    samples = [*own, *other]
    value = float(_mean_order(*(np.asarray(sample) for sample in samples)))
    return Estimate(value, *percentile_interval(samples, _mean_order), sum(map(len, own)))


def normalised(scores: Sequence[float], chance: float, ideal: float) -> list[float]:
    """`(score - chance) / (ideal - chance)`: 0 for chance, 1 for the ideal player, without unit.

    Raises:
        InputError: both are the same.
    """
    require(chance != ideal, f"ideal is {ideal}: it has to differ from chance")
    return [(score - chance) / (ideal - chance) for score in scores]


def _samples(name: str, strata: Sequence[Sequence[float]]) -> list[list[float]]:
    samples = [_numbers(stratum) for stratum in strata]
    require(bool(samples) and all(samples), f"{name} is {list(strata)}: it must hold a score in every stratum")
    return samples


def _numbers(scores: Sequence[float]) -> list[float]:
    return [float(score) for score in scores if not math.isnan(score)]


def _trimmed_mean(*samples: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """`[..., N_m]` each, to `[...]`."""
    result: NDArray[Any] = trim_mean(np.concatenate(samples, axis=axis), TRIMMED, axis=axis)
    return result


def _mean_order(*samples: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """X's `[..., N_m]`, then Y's `[..., K_m]`, to `[...]`."""
    half = len(samples) // 2
    pairs = zip(samples[:half], samples[half:], strict=True)
    orders = [np.sign(own[..., :, None] - other[..., None, :]).mean(axis=(-2, -1)) for own, other in pairs]
    result: NDArray[Any] = (np.mean(orders, axis=0) + 1) / 2
    return result
