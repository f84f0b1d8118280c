"""What the reproduction page tells of rewards: learning curves, and the test after them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from episodic.errors import require
from experiments.curve_files import CurvePoint, curves_path, read_curves
from experiments.grid_files import csv_path
from experiments.intervals import Estimate, mean_interval
from experiments.paper import AGENTS, NEAREST, Experiment
from experiments.reproduction_means import Line, line_of_means, maker
from experiments.results import Row, read_rows

TRAINING, VALIDATION = "train/reward", "val/reward"
REWARD, IDEAL_SHARE = "test/reward", "test/ideal_fraction"


class Rewards(NamedTuple):
    """Rewards an episode in one experiment, means over seeds.

    Args:
        test: by condition.
        ideal: the ideal observer's, on the test's episodes.
        training: by agent, over training episodes.
        validation: the same in the validations.
        revisions: of the sources that the test's results come from.
    """

    test: Mapping[str, Estimate]
    ideal: float
    training: Mapping[str, Line]
    validation: Mapping[str, Line]
    revisions: tuple[str, ...]


def read_rewards(experiment: Experiment, results: Path) -> Rewards:
    """Read an experiment's rewards from its grid's CSVs.

    Raises:
        InputError: a file is not there, or lacks what the page shows.
    """
    rows = _rows(experiment, csv_path(results, experiment.grid))
    path = curves_path(results, experiment.grid)
    points = read_curves(path)
    training, validation = (_lines(points, metric, path, experiment) for metric in (TRAINING, VALIDATION))
    every = [row for own in rows.values() for row in own]
    return Rewards(
        test={name: mean_interval([row.metrics[REWARD] for row in own]) for name, own in rows.items()},
        ideal=every[0].metrics[REWARD] / every[0].metrics[IDEAL_SHARE],  # all runs are tested on the same episodes
        training=training,
        validation=validation,
        revisions=tuple(dict.fromkeys(part for row in every for part in row.revision.split("/"))),
    )


def _rows(experiment: Experiment, path: Path) -> dict[str, list[Row]]:
    """The results by condition."""
    tested = [row for row in read_rows(path) if row.evaluation == experiment.evaluation]
    found = {name: [row for row in tested if row.condition == name] for name in (*AGENTS, NEAREST)}
    for name, own in found.items():
        require(bool(own), f"results {path} have no row of {name!r}: {maker(experiment)} makes them")
        for metric in (REWARD, IDEAL_SHARE):
            there = all(metric in row.metrics for row in own)
            require(there, f"results {path} have a row of {name!r} without {metric}: {maker(experiment)} makes them")
    return found


def _lines(points: Sequence[CurvePoint], metric: str, path: Path, experiment: Experiment) -> dict[str, Line]:
    """The curves by agent."""
    found = {}
    for name in AGENTS:
        own = [point for point in points if point.condition == name and metric in point.metrics]
        require(bool(own), f"results {path} have no {metric} of {name!r}: {maker(experiment)} makes them")
        found[name] = line_of_means((point.step, point.metrics[metric]) for point in own)
    return found
