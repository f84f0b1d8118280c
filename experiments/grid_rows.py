"""Which of a file's results are a grid's, as it is now."""

from collections.abc import Sequence

from episodic.errors import require
from experiments.grid import Grid
from experiments.results import Row


def rows_of_grid(grid: Grid, rows: Sequence[Row], metrics: Sequence[str], key: str = "metrics") -> list[Row]:
    """The rows of conditions and evaluations that the grid still has.

    Raises:
        InputError: there are none, or one of the metrics, which the grid's `key` names, is in none of them.
    """
    found = [row for row in rows if row.condition in grid.tested and row.evaluation in grid.tests]
    strange = "the results are of other conditions or evaluations" if rows else "there are no results yet"
    known = sorted({name for row in found for name in row.metrics})
    require(bool(known), f"{grid.name}: {strange}: python -m experiments.run makes them")
    for metric in metrics:
        require(metric in known, f"{key}: {metric!r} is none of the results', which are {', '.join(known)}")
    return found
