"""The benchmark's page, from generated results."""

from pathlib import Path

import pandas as pd
import pytest

from episodic.errors import InputError
from episodic.tasks import BarcodeBandit, CompositionalBandit, ContextualChoice, DrawingBandit, TwoStep, WaterMaze
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
from experiments.report.benchmark_plots import learning_plot, score_plot
from experiments.tables.files import csv_path, write_table
from tests.runs import one_error
from tests.tiny import PROJECT

TASKS, WAYS = ("barcode bandit", "two-step task"), ("L2RL", "LRU", "delta rule", "epL2RL")
SHARES, SEEDS = (0.0, 0.5, 0.75, 1.0), {"LRU": 2, "delta rule": 3}
IDEAL = {"barcode bandit": 8.8, "two-step task": 75.0}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """Two tasks with four ways from chance to ideal; on one, LRU has two seeds and the delta rule three."""
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
    reward = LEVELS[task].chance + SHARES[WAYS.index(way)] * (IDEAL[task] - LEVELS[task].chance)
    name = grid.condition_name({"task": task, "remembers": way})
    row = {"condition": name, "task": task, "remembers": way, "evaluation": "test", "revision": "abc"}
    figures = {"test/reward": reward, "test/ideal_fraction": reward / IDEAL[task]}
    costs = {"seconds": 10.0, "total_seconds": 30.0, "parameters": 1234}
    seeds = range(1, 1 + (SEEDS.get(way, 10) if task == "barcode bandit" else 10))
    return [{**row, "seed": seed, **figures, **costs} for seed in seeds]


def test_cells_that_are_few_or_missing_are_marked(found: Benchmark) -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in score_table(found).splitlines()}
    assert rows["epL2RL"].count("100.0 %") == 3
    assert "50.0 % (n = 2) | - | - |" in rows["LRU"]
    assert rows["delta rule"].count("(n = 3)") == 2  # of a task, and over all tasks
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


def test_each_way_is_named_once_whatever_tasks_it_has(found: Benchmark) -> None:
    curves = learning_curves(found)
    figure = learning_plot(["two-step task", "barcode bandit"], found.ways, curves)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == sorted(WAYS)  # LRU has no curve on the first task


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
    assert f"took {len(found.tests) * 30 / 3600:.1f} core hours" in text
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


def test_tests_on_other_blocks_are_refused(found: Benchmark, tmp_path: Path) -> None:
    rows = found.tests.copy()
    rows.loc[rows["remembers"] == "LRU", "test/ideal_fraction"] *= 1.01
    write_table(csv_path(tmp_path, "benchmark"), rows)
    with pytest.raises(InputError, match=r"'barcode bandit, LRU': the ideal player earns 8\.713, and 8\.800"):
        read_benchmark(tmp_path)


def test_levels_are_those_of_the_tasks_and_of_the_players() -> None:
    tasks = {
        "barcode bandit": BarcodeBandit(contexts=10, bits=20, vocabulary=50),
        "barcode bandit, 20 % noise": BarcodeBandit(contexts=10, bits=20, vocabulary=50, noise=0.2),
        "Omniglot bandit": DrawingBandit(),
        "compositional bandit": CompositionalBandit(classes=100, vocabulary=100),
        "water maze": WaterMaze(contexts=10, vocabulary=50),
        "two-step task": TwoStep(vocabulary=100),
        "contextual choice": ContextualChoice(),
    }
    assert tasks.keys() == LEVELS.keys()
    for name, task in tasks.items():
        assert task.chance == pytest.approx(LEVELS[name].chance, abs=5e-5), name
        assert LEVELS[name].chance < LEVELS[name].without_memory
    ceilings = pd.read_csv(PROJECT / "results" / "noise_ceilings.csv")
    noisy = ceilings[(ceilings["bits"] == 20) & (ceilings["noise"] == 0.2)]
    [known] = noisy.loc[(noisy["known"] == "vocabulary") & (noisy["particles"] == 64), "mean"]
    [ideal] = noisy.loc[noisy["known"] == "context", "mean"]
    assert LEVELS["barcode bandit, 20 % noise"].noisy == pytest.approx(known / ideal, abs=5e-5)


@pytest.mark.skipif(not csv_path(PROJECT / "results", "benchmark").is_file(), reason="the benchmark has not been run")
def test_the_shipped_page_is_that_of_the_shipped_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    write_page(read_benchmark(Path("results")), tmp_path / "benchmark.md")
    written = (tmp_path / "benchmark.md").read_text()
    assert written == Path("docs/benchmark.md").read_text(), "python -m experiments.report.benchmark writes it"
