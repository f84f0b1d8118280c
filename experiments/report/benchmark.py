"""Writes the page of the benchmark: `python -m experiments.report.benchmark`.

It shows results/benchmark.csv, made by experiments/grids/benchmark.yaml: every task with every way to remember. The
parts that are written by hand stand in `benchmark.md` beside this file.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from episodic.errors import require
from episodic.files import replace_text
from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import read_grid
from experiments.report.benchmark_plots import learning_plot, score_plot
from experiments.report.pages import ENOUGH_SEEDS, save_plot
from experiments.tables.files import csv_path, read_results, read_table
from experiments.tables.formatting import NOTHING, format_estimate, format_value, markdown_table
from experiments.tables.statistics import (
    METHOD,
    Estimate,
    interquartile_mean,
    mean_of_interquartile_means,
    normalised,
)

GRID, OUTPUT = Path("experiments/grids/benchmark.yaml"), Path("docs/benchmark.md")
WRITTEN = Path(__file__).with_name("benchmark.md")
TASK, WAY, REWARD, ALL = "task", "remembers", "test/reward", "all tasks"
SHARE = "fraction"  # written in per cent


class Levels(NamedTuple):
    """Rewards of players that do not learn.

    Args:
        chance: of random actions.
        without_memory: of the ideal player that forgets each episode.
        noisy: of the ideal player that sees only noisy cues, as a share of the ideal player's; None: cues are exact.
    """

    chance: float
    without_memory: float
    noisy: float | None = None


#: By task. Chance is exact. With noisy cues it is the player of results/noise_ceilings.csv that knows the list of
#: barcodes, on other blocks. The players of `episodic.tasks` without memory have played the benchmark's tasks.
LEVELS: Mapping[str, Levels] = {
    "barcode bandit": Levels(1.8, 4.43),
    "barcode bandit, 20 % noise": Levels(1.8, 4.43, 0.9972),
    "Omniglot bandit": Levels(1.8, 4.43),
    "compositional bandit": Levels(2.5, 3.90),
    "water maze": Levels(0.7009, 5.55),
    "two-step task": Levels(50.0, 69.2),
    "contextual choice": Levels(5.0, 7.50),
}


class Benchmark(NamedTuple):
    """The grid with its results: a row a test, and a row a validation."""

    grid: Grid
    tests: pd.DataFrame
    curves: pd.DataFrame

    @property
    def tasks(self) -> list[str]:
        """The tasks that have results, in the grid's order."""
        return self._with_results(TASK)

    @property
    def ways(self) -> list[str]:
        """The ways to remember that have results, in the grid's order."""
        return self._with_results(WAY)

    def _with_results(self, axis: str) -> list[str]:
        names = [str(name) for name in self.grid.file.axes[axis].all]
        return [name for name in names if name in set(self.tests[axis])]

    def rows(self, task: str, way: str) -> pd.DataFrame:
        """Return the tests of a cell."""
        return self.tests[(self.tests[TASK] == task) & (self.tests[WAY] == way)]

    def ideal(self, task: str) -> float:
        """Return the ideal player's reward on the test's episodes, which are the same for all."""
        rows = self.tests[self.tests[TASK] == task]
        return float((rows[REWARD] / rows["test/ideal_fraction"]).median())

    def scores(self, task: str, way: str) -> list[float]:
        """Return the rewards of a cell's seeds between chance, 0, and the ideal player, 1."""
        chance, ideal = LEVELS[task].chance, self.ideal(task)
        return [(reward - chance) / (ideal - chance) for reward in self.rows(task, way)[REWARD]]

    def score(self, task: str, way: str) -> Estimate | None:
        """Return the interquartile mean of a cell's normalised rewards, or a way's mean over tasks; None: not run."""
        if task == ALL:
            strata = [self.scores(name, way) for name in self.tasks]
            return mean_of_interquartile_means(strata) if all(strata) else None
        rewards = list(self.rows(task, way)[REWARD])
        return normalised(interquartile_mean(rewards), LEVELS[task].chance, self.ideal(task)) if rewards else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and its plots; returns the exit status: 0, or 2 where results are missing or wrong."""
    return one_line(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    found = read_benchmark(options.results)
    write_page(found, options.output)
    print(f"{options.output}: {len(found.tests)} tests of {len(found.grid.conditions)} conditions")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.report.benchmark", description="Write the benchmark's page.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSVs (default %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default %(default)s)")
    return parser


def read_benchmark(results: Path, grid: Path = GRID) -> Benchmark:
    """Read the grid and its results.

    Raises:
        InputError: results are missing or wrong, a task has no levels, or its tests have been on different blocks.
    """
    own = read_grid(grid)
    tests = read_results(own, results)
    curves = read_table(csv_path(results, own.name, "curves"), [TASK, WAY, "seed", "step", "val/reward"])
    for task in dict.fromkeys(tests[TASK]):
        require(task in LEVELS, f"task {task!r} has no levels: add it to LEVELS in {Path(__file__).name}")
    found = Benchmark(own, tests, curves.dropna(subset=["val/reward"]))
    for row in tests.to_dict("records"):
        ideal, usual = row[REWARD] / row["test/ideal_fraction"], found.ideal(row[TASK])
        require(
            abs(ideal - usual) < 1e-3 * usual,
            f"{row['condition']!r}: the ideal player earns {ideal:.3f}, and {usual:.3f} in the task's other tests: all "
            "must be on the same blocks",
        )
    return found


def write_page(found: Benchmark, output: Path) -> None:
    """Write plots and page."""
    tasks = [*found.tasks, ALL]
    scores = {(task, way): found.score(task, way) for task in tasks for way in found.ways}
    limits = {task: _without_memory(found, task) for task in found.tasks}
    save_plot(score_plot(tasks, found.ways, scores, limits), output.with_suffix(".png"))
    curves = output.with_name(f"{output.stem}_curves.png")
    save_plot(learning_plot(found.tasks, found.ways, learning_curves(found)), curves)
    parts = {
        "rewards": reward_table(found),
        "scores": score_table(found),
        "costs": cost_table(found),
        "hours": training_hours(found),
        "note": note(found),
    }
    text = WRITTEN.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    replace_text(output, text)


def _without_memory(found: Benchmark, task: str) -> float:
    chance = LEVELS[task].chance
    return (LEVELS[task].without_memory - chance) / (found.ideal(task) - chance)


def reward_table(found: Benchmark) -> str:
    """Return the rewards: a row for each way to remember, then the players that do not learn."""
    rows = []
    for way in found.ways:
        rewards = {task: list(found.rows(task, way)[REWARD]) for task in found.tasks}
        cells = [_cell(REWARD, interquartile_mean(own) if own else None) for own in rewards.values()]
        rows.append([way, *cells])
    levels = [LEVELS[task] for task in found.tasks]
    rows.append(["ideal player", *(format_value(REWARD, found.ideal(task)) for task in found.tasks)])
    if any(level.noisy is not None for level in levels):
        rows.append(["ideal player that sees noisy cues", *(_noisy_ideal(found, task) for task in found.tasks)])
    rows.append(["ideal player without memory", *(format_value(REWARD, level.without_memory) for level in levels)])
    rows.append(["random actions", *(format_value(REWARD, level.chance) for level in levels)])
    return markdown_table(["", *found.tasks], rows)


def _noisy_ideal(found: Benchmark, task: str) -> str:
    share = LEVELS[task].noisy
    return NOTHING if share is None else format_value(REWARD, share * found.ideal(task))


def score_table(found: Benchmark) -> str:
    """Return the normalised rewards, per task and over all tasks."""
    tasks = [*found.tasks, ALL]
    rows = [[way, *(_cell(SHARE, found.score(task, way)) for task in tasks)] for way in found.ways]
    return markdown_table(["", *tasks], rows)


def _cell(metric: str, estimate: Estimate | None) -> str:
    """Return an estimate with its number of seeds where they are few."""
    if estimate is None:
        return NOTHING
    return format_estimate(metric, estimate, max(estimate.number, ENOUGH_SEEDS))


def cost_table(found: Benchmark) -> str:
    """Return learned parameters and the seconds of all trainings of a cell, of the quickest seed."""
    rows = []
    for way in found.ways:
        cells = []
        for task in found.tasks:
            own = found.rows(task, way)
            seconds = [float(value) for value in own["total_seconds"].dropna()]
            counts = [int(value) for value in own["parameters"].dropna()]
            text = f"{min(seconds):.0f} s" if seconds else NOTHING
            cells.append(f"{counts[0]:,}, {text}" if counts else text)
        rows.append([way, *cells])
    return markdown_table(["", *found.tasks], rows)


def training_hours(found: Benchmark) -> str:
    """Return how many core hours all trainings took, those of stages included."""
    return f"{found.tests['total_seconds'].sum() / 3600:.1f}"


def note(found: Benchmark) -> str:
    """Return how many seeds there are, and how the intervals are made."""
    counts = [len(found.rows(task, way)) for task in found.tasks for way in found.ways if len(found.rows(task, way))]
    cells = sum(len(found.grid.evaluations_of(condition)) for condition in found.grid.conditions)
    few = sum(count < ENOUGH_SEEDS for count in counts)
    span = f"{min(counts)} to {max(counts)} seeds" if len(set(counts)) > 1 else f"{counts[0]} seeds each"
    parts = [f"{len(counts)} of {cells} cells have results, of {span}."]
    if few:
        parts.append(f"Cells with fewer than {ENOUGH_SEEDS} seeds are marked (n = number of seeds): {few} of them.")
    parts.append(f"Interquartile means with 95 % intervals ({METHOD}).")
    parts.append("Over all tasks: the mean of the tasks' interquartile means, with seeds drawn again within each task.")
    revisions = dict.fromkeys(part for text in found.tests["revision"].astype(str) for part in text.split("/"))
    parts.append(f"Revision{'s' if len(revisions) > 1 else ''} {', '.join(revisions)}.")
    return " ".join(parts)


def learning_curves(found: Benchmark) -> pd.DataFrame:
    """Return the normalised validation reward by task, way and step, with the seconds of the quickest seed.

    Seconds are spread evenly over a training.
    """
    seconds = found.tests.groupby([TASK, WAY])["seconds"].min().rename("whole")
    frame = found.curves.merge(seconds.reset_index(), on=[TASK, WAY])
    last = frame.groupby([TASK, WAY])["step"].transform("max")
    chance = frame[TASK].map({task: level.chance for task, level in LEVELS.items()})
    ideal = frame[TASK].map({task: found.ideal(task) for task in found.tasks})
    score = (frame["val/reward"] - chance) / (ideal - chance)
    frame = frame.assign(score=score, time=frame["whole"] * frame["step"] / last)
    return frame.groupby([TASK, WAY, "step"], as_index=False)[["score", "time"]].mean()


if __name__ == "__main__":
    sys.exit(main())
