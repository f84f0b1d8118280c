"""The benchmark's page, from generated results."""

from pathlib import Path

import pandas as pd
import pytest

from episodic.errors import InputError
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import read_grid
from experiments.report import benchmark as page
from experiments.report.benchmark import (
    ALL,
    LEVELS,
    Benchmark,
    learning_curves,
    read_benchmark,
    score_table,
    write_page,
)
from experiments.report.benchmark_plots import score_plot
from experiments.tables.files import csv_path, write_table
from tests.runs import one_error
from tests.tiny import PROJECT

TASKS, WAYS = ("barcode bandit", "two-step task"), ("L2RL", "LRU", "epL2RL")
IDEAL = {"barcode bandit": 8.8, "two-step task": 75.0}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """Two tasks with three ways: L2RL is at chance, epL2RL ideal, LRU halfway, on one of the tasks and two seeds."""
    monkeypatch.chdir(PROJECT)
    grid = read_grid(page.GRID)
    rows = pd.DataFrame(row for task in TASKS for way in WAYS for row in rows_of(grid, task, way))
    write_table(csv_path(tmp_path, "benchmark"), rows)
    curves = pd.DataFrame(
        {**dict.fromkeys(("task", "remembers"), ""), "task": row.task, "remembers": row.remembers, "seed": row.seed}
        | {"condition": row.condition, "step": step, "val/reward": row.reward * step / 200}
        for row in rows.rename(columns={"test/reward": "reward"}).itertuples()
        for step in (100, 200)
    )
    write_table(csv_path(tmp_path, "benchmark", "curves"), curves)
    return read_benchmark(tmp_path)


def rows_of(grid: Grid, task: str, way: str) -> list[dict[str, object]]:
    if (task, way) == ("two-step task", "LRU"):
        return []
    share = {"L2RL": 0.0, "LRU": 0.5, "epL2RL": 1.0}[way]
    reward = LEVELS[task].chance + share * (IDEAL[task] - LEVELS[task].chance)
    name = grid.condition_name({"task": task, "remembers": way})
    row = {"condition": name, "task": task, "remembers": way, "evaluation": "test", "revision": "abc"}
    figures = {"test/reward": reward, "test/ideal_fraction": reward / IDEAL[task]}
    costs = {"seconds": 10.0, "total_seconds": 30.0, "parameters": 1234}
    seeds = range(1, 3) if way == "LRU" else range(1, 11)
    return [{**row, "seed": seed, **figures, **costs} for seed in seeds]


def test_cells_that_are_few_or_missing_are_marked(found: Benchmark) -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in score_table(found).splitlines()}
    assert rows["epL2RL"].count("100.0 %") == 3
    assert "50.0 % (n = 2) | - | - |" in rows["LRU"]
    assert "n =" not in rows["L2RL"]
    assert page.reward_table(found).splitlines()[0] == "|  | barcode bandit | two-step task |"
    assert "| ideal player | 8.80 | 75.00 |" in page.reward_table(found)
    assert "1,234, 30 s" in page.cost_table(found)
    assert "of 2 to 10 seeds" in page.note(found)


def test_curves_are_normalised_and_spread_over_seconds(found: Benchmark) -> None:
    curves = learning_curves(found)
    own = curves[(curves["task"] == "barcode bandit") & (curves["remembers"] == "LRU")]
    assert list(own["time"]) == [5.0, 10.0]
    assert list(own["score"].round(3)) == [0.121, 0.5]


def test_what_was_not_run_is_hatched(found: Benchmark) -> None:
    tasks = [*found.tasks, ALL]
    scores = {(task, way): found.score(task, way) for task in tasks for way in found.ways}
    figure = score_plot(tasks, found.ways, scores, {})
    hatched = [[patch.get_hatch() for patch in axes.patches] for axes in figure.axes[:3]]
    assert hatched == [[], ["////"], ["////"]]


def test_the_page_is_written_with_its_plots(found: Benchmark, tmp_path: Path) -> None:
    write_page(found, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "{{" not in text
    assert (tmp_path / "page.png").stat().st_size > 10_000
    assert (tmp_path / "page_curves.png").stat().st_size > 10_000


def test_missing_results_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    assert page.main([f"--results={tmp_path}"]) == 2
    assert "python -m experiments.run makes them" in one_error(capsys)


def test_a_task_without_levels_is_refused(found: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(page.LEVELS, "two-step task")
    with pytest.raises(InputError, match="'two-step task' has no levels"):
        read_benchmark(tmp_path)


@pytest.mark.skipif(not csv_path(PROJECT / "results", "benchmark").is_file(), reason="the benchmark has not been run")
def test_the_shipped_page_is_that_of_the_shipped_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    write_page(read_benchmark(Path("results")), tmp_path / "benchmark.md")
    written = (tmp_path / "benchmark.md").read_text()
    assert written == Path("docs/benchmark.md").read_text(), "python -m experiments.report.benchmark writes it"
