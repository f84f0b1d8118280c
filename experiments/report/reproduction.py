"""Writes the reproduction page: `python -m experiments.report.reproduction [--output docs/reproduction.md]`.

Figure 3 of Ritter et al. 2018 (arXiv 1805.09692) from the CSVs of the grids `barcode_bandit` and `omniglot_bandit`,
beside the paper's numbers. `deviations.md` beside this file says in what our runs differ.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from episodic.errors import InputError, require
from episodic.files import replace_text
from experiments.commands import RESULTS, OneLineParser, one_line
from experiments.report.further_tasks import FURTHER, FurtherResults, further_sections, read_further
from experiments.report.further_tasks import MAKER as PLAYER_MAKER
from experiments.report.further_tasks import player_path as further_player_path
from experiments.tables.files import csv_path, read_table
from experiments.tables.formatting import NOTHING, format_estimate, format_value, markdown_table
from experiments.tables.statistics import METHOD, Estimate, mean
from launcher.summaries.references import PAPER

OUTPUT = Path("docs/reproduction.md")
AGENTS = tuple(PAPER["BarcodeBandit"])
#: The memory that always recalls the nearest entry, as the paper's does.
NEAREST = "epL2RL, nearest"
EXPOSURES: Mapping[int, float | None] = {1: 6.2, 2: 4.8, 5: None, 9: 3.4}  # the paper's regret after ten pulls
PLAYERS: Mapping[str, tuple[str, float | None]] = {  # by name: title, and the paper's regret after ten pulls
    "random": ("random choice", None),
    "ucb1": ("UCB1", 7.1),
    "thompson": ("Thompson sampling", 6.5),
    "gittins": ("Gittins index", 4.7),
}
IDEAL, MAKER = "ideal", "python -m experiments.bandit_players"
HEAD = """# Reproduction: the five experiments of Ritter et al. 2018

Results of our runs beside those of "Been There, Done That: Meta-Learning with Episodic Recall"
([arXiv 1805.09692](https://arxiv.org/abs/1805.09692)). The first part repeats figure 3 of the paper: the two bandits of
experiments 1 and 2. `make report` writes this page from the CSVs that are named at its end."""
CAPTION = (
    "*Lines are means over seeds and bands their 95 % intervals. Dashed levels and diamonds are the paper's values. "
    f"(c) and (d) show the regret summed within an episode. `{NEAREST}`: the same agents, tested with a memory that "
    "always recalls the nearest entry, as the paper's does. The lines of UCB1 and random choice coincide.*"
)


class Experiment(NamedTuple):
    """One of the paper's experiments: our grid and its evaluation, a title, and the paper's final rewards."""

    grid: str
    evaluation: str
    title: str
    rewards: Mapping[str, float]

    @property
    def maker(self) -> str:
        """The command that makes its CSVs."""
        return f"python -m experiments.run experiments/grids/{self.grid}.yaml"


BARCODES = Experiment("barcode_bandit", "test", "Barcode bandit", PAPER["BarcodeBandit"])
OMNIGLOT = Experiment("omniglot_bandit", "new characters", "Omniglot bandit", PAPER["DrawingBandit"])
EXPERIMENTS = (BARCODES, OMNIGLOT)


class Results(NamedTuple):
    """All that the page shows.

    Args:
        tests: rows of each experiment's tests, by grid.
        curves: rows of its trainings, by grid.
        regrets: rows of the Omniglot bandit's tests by exposure and pull.
        players: regret of players that do not learn, by exposure and pull.
        further: results of the other experiments.
    """

    tests: Mapping[str, pd.DataFrame]
    curves: Mapping[str, pd.DataFrame]
    regrets: pd.DataFrame
    players: pd.DataFrame
    further: FurtherResults

    def ideal_reward(self, experiment: Experiment) -> float:
        """Return the ideal observer's reward on the test's episodes, which are the same for all runs."""
        row = self.tests[experiment.grid].iloc[0]
        return float(row["test/reward"] / row["test/ideal_fraction"])

    def player(self, name: str, exposure: int | None = None) -> pd.Series:
        """Return a player's regret by pull: at an exposure, or the mean over all episodes."""
        rows = self.players[self.players["player"] == name]
        rows = rows if exposure is None else rows[rows["exposure"] == exposure]
        require(len(rows) > 0, f"results of players lack {name!r} at exposure {exposure or 'any'}: {MAKER} makes them")
        sums = (rows["regret"] * rows["episodes"]).groupby(rows["pull"]).sum()
        return sums / rows["episodes"].groupby(rows["pull"]).sum()

    def agent(self, condition: str, exposure: int) -> pd.Series:
        """Return the mean regret over seeds by pull, as estimates."""
        rows = self.regrets[(self.regrets["condition"] == condition) & (self.regrets["exposure"] == exposure)]
        missing = f"results of {OMNIGLOT.grid} have no regret of {condition!r} at exposure {exposure}"
        require(len(rows) > 0, f"{missing}: {OMNIGLOT.maker} makes them")
        return means(rows, "pull", "regret")

    def curve(self, experiment: Experiment, condition: str, metric: str) -> pd.Series:
        """Return the mean of a metric over seeds by training episode, as estimates."""
        frame = self.curves[experiment.grid]
        rows = frame[frame["condition"] == condition].dropna(subset=[metric])
        missing = f"results of {experiment.grid} have no {metric} of {condition!r}"
        require(len(rows) > 0, f"{missing}: {experiment.maker} makes them")
        return means(rows, "step", metric)

    def reward(self, experiment: Experiment, condition: str) -> Estimate:
        """Return the mean reward over seeds in the test."""
        frame = self.tests[experiment.grid]
        rows = frame.loc[frame["condition"] == condition, "test/reward"]
        missing = f"results of {experiment.grid} have no row of {condition!r}"
        require(len(rows) > 0, f"{missing}: {experiment.maker} makes them")
        return mean(list(rows))


def means(rows: pd.DataFrame, by: str, metric: str) -> pd.Series:
    """Return the mean over seeds at each place, as estimates."""
    return pd.Series({place: mean(list(part[metric])) for place, part in rows.groupby(by)})


def read_all(results: Path) -> Results:
    """Read all that the page shows.

    Raises:
        InputError: results are missing or wrong.
    """
    tests, curves = {}, {}
    columns: tuple[str, ...]
    for one in EXPERIMENTS:
        columns = ("condition", "evaluation", "seed", "test/reward", "test/ideal_fraction")
        frame = read_table(csv_path(results, one.grid), columns, one.maker)
        tests[one.grid] = frame[frame["evaluation"] == one.evaluation]
        require(len(tests[one.grid]) > 0, f"results of {one.grid} have no {one.evaluation!r}: {one.maker} makes them")
        columns = ("condition", "seed", "step", "train/reward", "val/reward")
        curves[one.grid] = read_table(csv_path(results, one.grid, "curves"), columns, one.maker)
    columns = ("condition", "evaluation", "seed", "exposure", "pull", "regret")
    regrets = read_table(csv_path(results, OMNIGLOT.grid, "regret"), columns, OMNIGLOT.maker)
    players = read_table(player_path(results), ("player", "exposure", "pull", "episodes", "regret"), MAKER)
    regrets = regrets[regrets["evaluation"] == OMNIGLOT.evaluation]
    return Results(tests, curves, regrets, players, read_further(results))


def player_path(results: Path) -> Path:
    """Return the path of the regrets of players that do not learn."""
    return results / "bandit_players.csv"


def further_plot_path(output: Path) -> Path:
    """Return the path of the plot of experiments 3 to 5, beside that of the bandits."""
    return output.with_name(f"{output.stem}_further_tasks.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and its plot; returns the exit status: 0, or 2 where results are missing or wrong.

    With `--optional` it is 0 then too, and the page stays as it was.
    """
    return one_line(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    try:
        write_page(options.results, options.output)
    except InputError as error:
        if not options.optional:
            raise
        print(f"not written: {error}", file=sys.stderr)
        return 0
    print(f"{options.output}; plot {options.output.with_suffix('.png')}")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.report.reproduction", description="Write the reproduction page.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSVs (default %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default %(default)s)")
    parser.add_argument("--optional", action="store_true", help="no error if results are missing")
    return parser


def write_page(results: Path, output: Path) -> None:
    """Write the plots, then the text that shows them.

    Raises:
        InputError: results are missing or wrong.
    """
    from experiments.report.further_tasks_plot import further_tasks_plot
    from experiments.report.pages import save_plot
    from experiments.report.reproduction_plot import reproduction_plot

    found = read_all(results)
    text = page_text(found, results, output)
    save_plot(reproduction_plot(found), output.with_suffix(".png"))
    save_plot(further_tasks_plot(found.further), further_plot_path(output))
    replace_text(output, text)


def page_text(found: Results, results: Path, output: Path) -> str:
    """Return the whole page in Markdown, with links as seen from `output`."""
    how = f"Means over seeds, in brackets 95 % intervals ({METHOD})."
    episodes = found.players[(found.players["player"] == IDEAL) & (found.players["pull"] == 1)]["episodes"].sum()
    commands = [
        *(one.maker for one in (*EXPERIMENTS, *FURTHER)),
        MAKER,
        PLAYER_MAKER,
        "python -m experiments.report.reproduction",
    ]
    parts = [
        HEAD,
        f"![Learning curves and regret of both bandits, with the paper's numbers]({output.with_suffix('.png').name})",
        CAPTION,
        f"## Final reward of the bandits\n\nReward per episode in the test. {how}",
        _reward_table(found),
        f"## Regret after ten pulls\n\nOn the Omniglot bandit, by exposure to the character. {how}",
        _exposure_table(found),
        f"Players without memory, over {episodes:,} episodes of the test's blocks, with the same contexts, best arms "
        "and luck:",
        _player_table(found),
        *further_sections(found.further, further_plot_path(output).name),
        Path(__file__).with_name("deviations.md").read_text(encoding="utf-8").rstrip(),
        "## How it is made",
        "\n".join(["```", *(f".venv/bin/{command}" for command in commands), "```"]),
        _sources(found, results, output),
    ]
    return "\n\n".join(parts) + "\n"


def _reward_table(found: Results) -> str:
    header = ["experiment", "agent", "the paper", "ours", "ideal observer", "training episodes", "seeds"]
    rows = []
    for one in EXPERIMENTS:
        for name in (AGENTS[0], NEAREST, *AGENTS[1:]):
            own, ideal = found.reward(one, name), format_value("reward", found.ideal_reward(one))
            trained = found.curve(one, AGENTS[0] if name == NEAREST else name, "train/reward").index.max()
            paper = _number(one.rewards.get(name))
            rows.append([one.title, name, paper, _text("reward", own), ideal, f"{trained:,}", str(own.number)])
    return markdown_table(header, rows)


def _exposure_table(found: Results) -> str:
    rows = []
    for exposure, paper in EXPOSURES.items():
        ours = [_text("regret", found.agent(name, exposure).iloc[-1]) for name in (AGENTS[0], NEAREST)]
        ideal = format_value("regret", found.player(IDEAL, exposure).iloc[-1])
        rows.append([str(exposure), _number(paper), *ours, ideal])
    return markdown_table(["exposure", "the paper", "ours", "ours, nearest", "ideal observer"], rows)


def _player_table(found: Results) -> str:
    rows = [
        [title, _number(paper), format_value("regret", found.player(name).iloc[-1])]
        for name, (title, paper) in PLAYERS.items()
    ]
    return markdown_table(["player", "the paper", "ours"], rows)


def _text(kind: str, estimate: Estimate) -> str:
    return format_estimate(kind, estimate, estimate.number)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _sources(found: Results, results: Path, output: Path) -> str:
    """Return the files that the page is made from, and the revisions of the sources that they come from."""
    kinds = [("barcode_bandit", ""), ("barcode_bandit", "curves")]
    kinds += [("omniglot_bandit", kind) for kind in ("", "curves", "regret")]
    kinds += [(task.grid, "") for task in FURTHER]
    paths = [*(csv_path(results, *kind) for kind in kinds), player_path(results), further_player_path(results)]
    links = [f"[{path.name}]({Path(os.path.relpath(path, output.parent)).as_posix()})" for path in paths]
    frames = [*found.tests.values(), *found.further.tests.values()]
    texts = [str(text) for frame in frames for text in frame.get("revision", [])]
    revisions = dict.fromkeys(part for text in texts for part in text.split("/"))
    return f"From {', '.join(links[:-1])} and {links[-1]}. Revisions {', '.join(revisions)}."


if __name__ == "__main__":
    sys.exit(main())
