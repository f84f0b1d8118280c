"""The curves of a grid's trainings: one row for each condition, seed and step, in one tidy CSV."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.conditions import Condition
from experiments.grid import Grid
from experiments.job import Cell, Job
from experiments.record import is_stale, read_record
from experiments.tidy_files import read_cells, write_cells

PLACE = ("condition", "seed", "step")
LOGGED = "metrics.csv"  # in a training's folder


class CurvePoint(NamedTuple):
    """What a training logged after so many steps, which are episodes where an agent learns."""

    condition: str
    seed: int
    step: int
    metrics: dict[str, float]


def curves_path(results: Path, grid: str) -> Path:
    """Where a grid's curves are kept."""
    return results / f"{grid}_curves.csv"


def collect_curves(grid: Grid, cells: Sequence[Cell]) -> list[CurvePoint]:
    """The curves of all trainings that ended well, in the order of the cells.

    Conditions that are tested with another's checkpoints have none of their own. Of a training's rows those are kept
    that have one of the grid's `curves`.
    """
    points: list[CurvePoint] = []
    trainings = {(cell.condition, cell.seed): cell.test.training for cell in cells}
    for (name, seed), training in trainings.items():
        if training is not None and _has_curve(grid.conditions[name], training):
            points += _logged(training.run.path / LOGGED, name, seed, grid.curves)
    return points


def _has_curve(condition: Condition, training: Job) -> bool:
    record = read_record(training)
    ended = record is not None and record.finished is not None and not is_stale(record, training)
    return condition.trained_as is None and ended and (training.run.path / LOGGED).is_file()


def _logged(path: Path, condition: str, seed: int, metrics: Sequence[str]) -> list[CurvePoint]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(int(row["step"]), _numbers(row, metrics)) for row in csv.DictReader(file)]
    return [CurvePoint(condition, seed, step, found) for step, found in rows if found]


def _numbers(row: Mapping[str, str], metrics: Sequence[str]) -> dict[str, float]:
    """Those of the metrics that a row has."""
    return {name: float(row[name]) for name in metrics if row.get(name)}


def write_curves(path: Path, metrics: Sequence[str], points: Sequence[CurvePoint]) -> None:
    """Write the CSV anew, in one go; a metric that was not logged at a step is left empty."""
    # Six digits: rewards to the fifth place, in half the length.
    told = [[f"{point.metrics[name]:.6g}" if name in point.metrics else "" for name in metrics] for point in points]
    write_cells(path, [*PLACE, *metrics], [(*point[:3], *cells) for point, cells in zip(points, told, strict=True)])


def read_curves(path: Path) -> list[CurvePoint]:
    """The points of a CSV.

    Raises:
        InputError: there is no such file, or it is not one of a grid's curves.
    """
    return read_cells(path, PLACE, _parsed, "python -m experiments.run")


def _parsed(row: dict[str, str]) -> CurvePoint:
    metrics = _numbers(row, [name for name in row if name not in PLACE])
    return CurvePoint(row["condition"], int(row["seed"]), int(row["step"]), metrics)
