"""The reproduction page's part on experiments 3 to 5 of Ritter et al. 2018, and on the contextual choice task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from episodic.errors import require
from episodic.plots.tasks.two_step_plots import PAPER_STAYS
from experiments.tables.files import csv_path, read_table
from experiments.tables.formatting import NOTHING, format_estimate, format_value, markdown_table
from experiments.tables.statistics import Estimate, mean

MAKER = "python -m experiments.task_players"
WITH_MEMORY, WITHOUT_MEMORY = "ideal", "ideal_without_memory"
COMPARISONS = {
    "uncued": "uncued trials, with the last trial",
    "cued": "cued trials, with the last trial",
    "episodic": "cued trials, with the cued trial",
}
OUTCOMES = ("rewarded_common", "rewarded_uncommon", "unrewarded_common", "unrewarded_uncommon")
FAMILIARITY = {
    "new": "neither",
    "good_familiar": "the good one",
    "bad_familiar": "the bad one",
    "familiar": "both",
}


class FurtherTask(NamedTuple):
    """A task of the page: the grid with its agents, a title, and what others report."""

    grid: str
    title: str
    reported: Mapping[str, float]  # reward by agent
    played: Mapping[str, str] = {}  # agents of another reading of the task, and its name among the players' results

    @property
    def maker(self) -> str:
        """The command that makes its CSV."""
        return f"python -m experiments.run experiments/grids/{self.grid}.yaml"


QUERIED = "epL2RL, queried cue stored"
COMPOSITIONAL = FurtherTask(
    "compositional_bandit",
    "Compositional bandit",
    {"epL2RL": 4.2, QUERIED: 4.2, "L2RL+context": 3.85},
    {QUERIED: "compositional_bandit_queried"},
)
MAZE = FurtherTask("water_maze", "Water maze", {"epL2RL": 6.9, "L2RL": 5.1, "L2RL+context": 5.1})
TWO_STEP = FurtherTask("two_step", "Two-step task", {"epL2RL": 71.0, "L2RL": 68.0})
CHOICE = FurtherTask("contextual_choice", "Contextual choice", {"epL2RL, input as key": 8.25})
FURTHER = (COMPOSITIONAL, MAZE, TWO_STEP, CHOICE)


class FurtherResults(NamedTuple):
    """Tests by grid, and the ideal players' metrics."""

    tests: Mapping[str, pd.DataFrame]
    players: pd.DataFrame

    def values(self, task: FurtherTask, agent: str, metric: str) -> list[float]:
        """Return a metric of each seed's test."""
        frame = self.tests[task.grid]
        require(metric in frame, f"results of {task.grid} have no {metric}: {task.maker} makes them")
        return [float(value) for value in frame.loc[frame["agent"] == agent, metric]]

    def estimate(self, task: FurtherTask, agent: str, metric: str) -> Estimate:
        """Return the mean of a metric over seeds with its interval."""
        return mean(self.values(task, agent, metric))

    def text(self, task: FurtherTask, agent: str, metric: str) -> str:
        """Return the mean of a metric over seeds with its interval, as text."""
        estimate = self.estimate(task, agent, metric)
        return format_estimate(metric, estimate, estimate.number)

    def player_mean(self, task: str, player: str, metric: str) -> float:
        """Return an ideal player's mean of a metric."""
        rows = self.players
        found = rows[(rows["task"] == task) & (rows["player"] == player) & (rows["metric"] == metric)]["mean"]
        require(len(found) == 1, f"results of players lack {metric} of {player} in {task}: {MAKER} makes them")
        return float(found.iloc[0])

    def player(self, task: str, player: str, metric: str) -> str:
        """Return an ideal player's mean, as text."""
        return format_value(metric, self.player_mean(task, player, metric))


def player_path(results: Path) -> Path:
    """Return the path of the ideal players' metrics."""
    return results / "task_players.csv"


def read_further(results: Path) -> FurtherResults:
    """Read the tests of all further tasks, and the ideal players' metrics.

    Raises:
        InputError: results are missing or wrong.
    """
    columns = ("agent", "seed", "test/reward")
    tests = {task.grid: read_table(csv_path(results, task.grid), columns, task.maker) for task in FURTHER}
    return FurtherResults(tests, read_table(player_path(results), ("task", "player", "metric", "mean"), MAKER))


def further_sections(found: FurtherResults, plot: str) -> list[str]:
    """Return the sections in Markdown, which show the plot of that address."""
    return [
        "## Experiments 3 to 5, and contextual choice\n\nReward per episode in the test; a two-step episode has "
        "100 trials. The ideal players know the rules and face the same contexts and luck as the agents. "
        "[tasks.md](tasks.md) has the rules and our choices where the paper is open. The reported reward of the "
        "contextual choice task is that of the public code dnd-lstm.",
        f"![Reward, regret, steps to the goal and stay probabilities, with the paper's numbers]({plot})",
        "*Points are means over seeds, with 95 % intervals. (a): 0 is the ideal player without memory, 1 the ideal "
        "player of each task.*",
        _reward_table(found),
        "**Compositional bandit: regret by familiarity.** Reward lost in an episode, by the arms whose classes have "
        "occurred before in the block.",
        _familiarity_table(found),
        "**Water maze: steps to the first goal**, by exposure to the context.",
        _steps_table(found),
        "**Two-step task: stay probabilities.** How often the agent repeats the first choice of an earlier trial, by "
        "that trial's reward and transition. The paper's values are read off its figure, to about 0.02.",
        _stay_table(found),
    ]


def _reward_table(found: FurtherResults) -> str:
    header = ["task", "agent", "reported", "ours", "ideal without memory", "ideal", "seeds"]
    rows: list[Sequence[str]] = []
    for task in FURTHER:
        for agent in dict.fromkeys(found.tests[task.grid]["agent"]):
            played = task.played.get(str(agent), task.grid)
            ideals = [found.player(played, player, "reward") for player in (WITHOUT_MEMORY, WITH_MEMORY)]
            reported = task.reported.get(str(agent))
            own, seeds = found.text(task, agent, "test/reward"), len(found.values(task, agent, "test/reward"))
            rows.append([task.title, agent, NOTHING if reported is None else f"{reported:g}", own, *ideals, str(seeds)])
    return markdown_table(header, rows)


def _familiarity_table(found: FurtherResults) -> str:
    agents = ("epL2RL", QUERIED)
    rows = []
    for name, text in FAMILIARITY.items():
        metric, cells = f"regret_{name}", [text]
        for agent in agents:
            played = COMPOSITIONAL.played.get(agent, COMPOSITIONAL.grid)
            cells += [found.text(COMPOSITIONAL, agent, f"test/{metric}"), found.player(played, WITH_MEMORY, metric)]
        rows.append(cells)
    header = [part for agent in agents for part in (agent, "ideal")]
    return markdown_table(["familiar arms", *header], rows)


def _steps_table(found: FurtherResults) -> str:
    rows = []
    for exposure in (1, 2, 10):
        metric = f"steps_to_goal_exposure_{exposure:02d}"
        ours = [found.text(MAZE, agent, f"test/{metric}") for agent in ("epL2RL", "L2RL")]
        rows.append([str(exposure), *ours, found.player(MAZE.grid, WITH_MEMORY, metric)])
    return markdown_table(["exposure", "epL2RL", "L2RL", "ideal"], rows)


def _stay_table(found: FurtherResults) -> str:
    rows = []
    for comparison, title in COMPARISONS.items():
        for outcome, paper in zip(OUTCOMES, PAPER_STAYS[comparison], strict=True):
            metric = f"stay_{comparison}_{outcome}"
            ours = found.text(TWO_STEP, "epL2RL", f"test/{metric}")
            ideal = found.player(TWO_STEP.grid, WITH_MEMORY, metric)
            rows.append([title, outcome.replace("_", ", "), f"{100 * paper:.0f} %", ours, ideal])
    return markdown_table(["compared", "the earlier trial", "the paper", "ours", "ideal"], rows)
