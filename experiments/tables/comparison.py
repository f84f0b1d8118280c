"""A grid's conditions beside each other and beside their baselines."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from experiments.planning.grid import EVALUATION, Grid
from experiments.tables.formatting import is_cost
from experiments.tables.statistics import (
    Estimate,
    Statistic,
    interquartile_mean,
    paired_difference,
    probability_of_improvement,
)


class Comparison(NamedTuple):
    """One condition under one evaluation.

    Args:
        score: the interquartile mean of the metric, or another statistic, in the metric's unit.
        difference: to the baseline, paired by seed; positive if the condition has more. None: no baseline.
        improvement: the probability that a run of the condition is better than one of the baseline.
    """

    score: Estimate
    difference: Estimate | None = None
    improvement: Estimate | None = None

    @property
    def is_significant(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.difference is not None and (self.difference.low > 0 or self.difference.high < 0)


#: (condition, evaluation) -> what is known of it; those without results are left out.
Comparisons = Mapping[tuple[str, str], Comparison]
#: (condition, evaluation) -> seed -> value.
Values = Mapping[tuple[str, str], Mapping[int, float]]


def values_of(frame: pd.DataFrame, metric: str) -> Values:
    """Return a metric's values by condition and evaluation, then by seed; missing ones are left out."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    if metric in frame.columns:
        rows = frame.dropna(subset=[metric])
        for condition, evaluation, seed, value in zip(
            rows["condition"], rows[EVALUATION], rows["seed"], rows[metric], strict=True
        ):
            values.setdefault((str(condition), str(evaluation)), {})[int(seed)] = float(value)
    return values


def compare(grid: Grid, metric: str, frame: pd.DataFrame, statistic: Statistic = interquartile_mean) -> Comparisons:
    """Return all conditions under all evaluations, in the grid's order; a baseline itself without a difference."""
    values, sign, compared = values_of(frame, metric), -1 if is_cost(metric) else 1, {}
    for condition in grid.conditions:
        baseline = grid.baseline_of(condition)
        for evaluation in grid.evaluations_of(condition):
            own = values.get((condition.name, evaluation))
            other = values.get((baseline.name, evaluation)) if baseline else None
            if own and other:
                runs, others = ([sign * value for value in part.values()] for part in (own, other))
                further = paired_difference(own, other, statistic), probability_of_improvement(runs, others)
                compared[condition.name, evaluation] = Comparison(statistic(list(own.values())), *further)
            elif own:
                compared[condition.name, evaluation] = Comparison(statistic(list(own.values())))
    return compared
