"""A grid's conditions beside each other and beside the baseline: the figures of its table and its picture."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.formatting import is_cost
from experiments.grid import Grid
from experiments.intervals import Estimate
from experiments.results import Row, by_seed
from experiments.statistics import interquartile_mean, paired_difference, probability_of_improvement


class Comparison(NamedTuple):
    """One condition under one evaluation; None: there is nothing to compare.

    Args:
        score: the interquartile mean of the metric, in its unit.
        difference: to the baseline, paired by seed; positive where the condition has more.
        improvement: the probability that a run of the condition is better than one of the baseline.
    """

    score: Estimate
    difference: Estimate | None = None
    improvement: Estimate | None = None

    @property
    def seeds(self) -> int:
        """The seeds that it rests on."""
        return self.score.number

    @property
    def is_significant(self) -> bool:
        """Whether the interval of the difference is there and leaves 0 out."""
        return self.difference is not None and (self.difference.low > 0 or self.difference.high < 0)


#: (condition, evaluation) -> what is known of it; those without results are left out.
Comparisons = Mapping[tuple[str, str], Comparison]


def compare(grid: Grid, metric: str, rows: Sequence[Row]) -> Comparisons:
    """All conditions under all evaluations, in the grid's order; the baseline itself without a difference."""
    values = by_seed(rows)
    found = {}
    for name in grid.tested:
        for evaluation in grid.tests:
            own = values.get((name, evaluation, metric))
            other = values.get((grid.baseline_of(name) or "", evaluation, metric))
            if own:
                found[name, evaluation] = _compared(own, other, is_cost(metric))
    return found


def _compared(own: Mapping[int, float], other: Mapping[int, float] | None, cost: bool) -> Comparison:
    score = interquartile_mean([list(own.values())])
    if not other:
        return Comparison(score)
    sign = -1 if cost else 1
    runs, others = ([sign * value for value in values.values()] for values in (own, other))
    improvement = probability_of_improvement([runs], [others])
    return Comparison(score, paired_difference([own], [other]), improvement)
