"""Whether a second run of a grid gives what the first gave."""

import math
from collections.abc import Sequence

from experiments.formatting import format_value, metric_label
from experiments.intervals import mean_interval
from experiments.results import Row, by_seed


def agreement(before: Sequence[Row], after: Sequence[Row], metric: str) -> str:
    """In one sentence, how many of a metric's figures are the same to the last digit, and how far the others are.

    Means are compared with the interval that they had before. Conditions, evaluations and seeds that only one of both
    has are left out.
    """
    old, new = by_seed(before), by_seed(after)
    pairs = [
        (value, new[place][seed], place)
        for place, values in old.items()
        if place[2] == metric and place in new
        for seed, value in values.items()
        if seed in new[place]
    ]
    label = metric_label(metric)
    if not pairs:
        return f"no {label} to compare with what was there before"
    same = sum(one == other for one, other, _ in pairs)
    if same == len(pairs):
        return f"all {same} figures of the {label} are what they were before"
    farthest = max(abs(one - other) for one, other, _ in pairs)
    inside = [
        _is_inside(list(old[place].values()), list(new[place].values())) for place in {place for *_, place in pairs}
    ]
    return (
        f"{same} of {len(pairs)} figures of the {label} are what they were before, the others differ by up to "
        f"{format_value(metric, farthest, finer=1)}; {sum(inside)} of {len(inside)} means lie in their former intervals"
    )


def _is_inside(before: list[float], after: list[float]) -> bool:
    former = mean_interval(before)
    mean = mean_interval(after).value
    return math.isnan(former.low) or former.low <= mean <= former.high
