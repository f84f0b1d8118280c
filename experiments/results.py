"""The figures of a grid: one row for each condition, evaluation and seed, in one tidy CSV."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.job import Cell, Job
from experiments.record import is_stale, read_record
from experiments.tidy_files import read_cells, write_cells

BEFORE, AFTER = ("condition", "evaluation", "seed"), ("revision", "seconds")
#: (condition, evaluation, metric) -> seed -> value.
Values = Mapping[tuple[str, str, str], Mapping[int, float]]


class Row(NamedTuple):
    """One test: its metrics by name, the revision(s) of the sources, the seconds that the training took."""

    condition: str
    evaluation: str
    seed: int
    metrics: dict[str, float]
    revision: str
    seconds: float


def collect(cells: Sequence[Cell]) -> list[Row]:
    """The rows of all cells that have been tested, whoever did it, in the order of the cells."""
    rows = (_row(cell) for cell in cells)
    return [row for row in rows if row is not None]


def is_tested(test: Job) -> bool:
    """Whether a test ended well, and what it tested is still the same."""
    record = read_record(test)
    if record is None or record.finished is None or record.trained is None or not test.product.is_file():
        return False
    return not is_stale(record, test)


def _row(cell: Cell) -> Row | None:
    test, record = cell.test, read_record(cell.test)
    if not is_tested(test) or record is None or record.trained is None:
        return None
    metrics: dict[str, float] = json.loads(test.product.read_text(encoding="utf-8"))
    return Row(cell.condition, cell.evaluation, cell.seed, metrics, record.revisions, record.trained["seconds"])


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the CSV anew, in one go; a metric that a row lacks is left empty."""
    metrics = sorted({name for row in rows for name in row.metrics})
    cells = [
        [*row[:3], *(row.metrics.get(name, "") for name in metrics), row.revision, f"{row.seconds:.1f}"] for row in rows
    ]
    write_cells(path, [*BEFORE, *metrics, *AFTER], cells)


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV.

    Raises:
        InputError: there is no such file, or it is not one of a grid's results.
    """
    return read_cells(path, (*BEFORE, *AFTER), _parsed, "python -m experiments.run")


def _parsed(row: dict[str, str]) -> Row:
    metrics = {name: float(text) for name, text in row.items() if name not in (*BEFORE, *AFTER) and text}
    place = (row["condition"], row["evaluation"], int(row["seed"]))
    return Row(*place, metrics, row["revision"], float(row["seconds"]))


def by_seed(rows: Sequence[Row]) -> Values:
    """The figures by condition, evaluation and metric, then by seed; one that is not a number is left out."""
    values: dict[tuple[str, str, str], dict[int, float]] = {}
    for row in rows:
        for name, value in row.metrics.items():
            if not math.isnan(value):
                values.setdefault((row.condition, row.evaluation, name), {})[row.seed] = value
    return values
