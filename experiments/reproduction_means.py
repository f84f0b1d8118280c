"""Means over seeds that the reproduction page shows."""

from collections.abc import Iterable, Mapping

from experiments.intervals import Estimate, mean_interval
from experiments.paper import Experiment

#: Means over seeds by place: training episodes, or pulls.
Line = Mapping[int, Estimate]


def line_of_means(values: Iterable[tuple[int, float]]) -> Line:
    """The mean over seeds at each place, with its interval, from each seed's value there."""
    found: dict[int, list[float]] = {}
    for place, value in values:
        found.setdefault(place, []).append(value)
    return {place: mean_interval(own) for place, own in sorted(found.items())}


def maker(experiment: Experiment) -> str:
    """The command that makes an experiment's CSVs."""
    return f"python -m experiments.run experiments/{experiment.grid}.yaml"
