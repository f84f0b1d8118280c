"""A small grid that is in the report, and its results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from experiments.grid import Grid
from experiments.report_section import ReportSection
from experiments.results import Row, write_rows
from tests.experiments.grids import grid, said

REPORT: dict[str, Any] = {"question": "Which is best?", "answer": "The *stack*."}
#: (condition, evaluation) -> rewards of seeds 1, 2, ...
REWARDS = {
    ("append", "0 %"): (6.0, 8.0),
    ("append", "20 %"): (5.0, 5.5),
    ("mean keys", "0 %"): (6.0, 8.0),
    ("mean keys", "20 %"): (4.75, 6.0),
    ("stack", "0 %"): (6.5, 8.5),
    ("stack", "20 %"): (5.25,),
}


def rows(rewards: Mapping[tuple[str, str], tuple[float, ...]] = REWARDS, metric: str = "test/reward") -> list[Row]:
    """Results with these figures."""
    return [
        Row(condition, evaluation, seed, {metric: reward, "test/recall_accuracy": 0.5}, "abc/def", 1.0)
        for (condition, evaluation), own in rewards.items()
        for seed, reward in enumerate(own, start=1)
    ]


def reported(report: Mapping[str, Any] = {}, **changes: Any) -> tuple[Grid, ReportSection]:
    """The small grid with a report of its own."""
    found = grid(report={**REPORT, **report}, **changes)
    assert found.report is not None
    return found, found.report


def write_grid(folder: Path, name: str, report: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    """A grid's file, and its CSV beside it; without `report` the report leaves it out."""
    section = {} if report is None else {"report": {**REPORT, **report}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**said(**changes), **section}, sort_keys=False))
    write_rows(folder / f"{name}.csv", rows())
    return path
