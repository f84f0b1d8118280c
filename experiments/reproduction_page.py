"""The text of the reproduction page: the picture, and tables of the paper's figures beside ours."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from experiments.curve_files import curves_path
from experiments.deviations import DEVIATIONS
from experiments.formatting import NOTHING, format_estimate, format_value, markdown_rows
from experiments.grid_files import csv_path
from experiments.intervals import Estimate, confidence_told, intervals_told
from experiments.paper import (
    AGENTS,
    EPISODIC_REGRETS,
    EXPERIMENTS,
    NEAREST,
    OMNIGLOT,
    PLAYER_REGRETS,
    PLAYER_TITLES,
    Experiment,
)
from experiments.player_files import MAKER, player_path
from experiments.regret_files import regret_path
from experiments.reproduction_means import maker
from experiments.reproduction_regrets import Regrets
from experiments.reproduction_rewards import Rewards

REWARD, REGRET = "reward", "regret"  # the kinds of figure that cells are written like
HEAD = """# Reproduction: the bandits of Ritter et al. 2018

Figure 3 of "Been There, Done That: Meta-Learning with Episodic Recall"
([arXiv 1805.09692](https://arxiv.org/abs/1805.09692)) from our own runs, beside the paper's figures. This page is made
by `make report` from the CSVs that are named at its end: what is to change here is changed there."""
CAPTION = (
    f"*Lines are means over seeds, bands their {confidence_told()} intervals; dashed levels and diamonds are the "
    f"paper's. (c) and (d): regret added up within an episode. `{NEAREST}`: the same agents, tested with a memory that "
    "recalls the nearest whatever it is, as the paper's does. UCB1 and random choice lie on each other.*"
)
PLAYED = "Players without memory, over {:,} episodes of the test's blocks, with the same contexts, best arms and luck:"


def page_text(rewards: Mapping[str, Rewards], regrets: Regrets, results: Path, output: Path) -> str:
    """The whole page in Markdown, with links as seen from `output`."""
    told = f"Means over seeds, in brackets {confidence_told()} intervals ({intervals_told()})."
    parts = [
        HEAD,
        f"![Learning curves and regret of both bandits, with the paper's figures]({output.with_suffix('.png').name})",
        CAPTION,
        f"## Final reward\n\nReward an episode in the test. {told}",
        _reward_table(rewards),
        f"## Regret after ten pulls\n\nOn the Omniglot bandit, by exposure to the character. {told}",
        _exposure_table(regrets),
        PLAYED.format(regrets.episodes),
        _player_table(regrets),
        DEVIATIONS.rstrip(),
        "## How it is made",
        _commands(),
        _sources(rewards, results, output),
    ]
    return "\n\n".join(parts) + "\n"


def _reward_table(rewards: Mapping[str, Rewards]) -> str:
    header = ["experiment", "agent", "the paper", "ours", "ideal observer", "training episodes", "seeds"]
    rows = [row for experiment in EXPERIMENTS for row in _reward_rows(experiment, rewards[experiment.grid])]
    return markdown_rows(header, rows)


def _reward_rows(experiment: Experiment, rewards: Rewards) -> Iterable[list[str]]:
    for name in (AGENTS[0], NEAREST, *AGENTS[1:]):
        found, trained = rewards.test[name], rewards.training[AGENTS[0] if name == NEAREST else name]
        paper, ideal = _number(experiment.rewards.get(name)), format_value(REWARD, rewards.ideal)
        yield [experiment.title, name, paper, _told(REWARD, found), ideal, f"{max(trained):,}", str(found.number)]


def _exposure_table(regrets: Regrets) -> str:
    rows = []
    for exposure, paper in EPISODIC_REGRETS.items():
        lines = (regrets.agents[name, exposure] for name in (AGENTS[0], NEAREST))
        ours = [_told(REGRET, line[max(line)]) for line in lines]
        ideal = regrets.ideal[exposure]
        rows.append([str(exposure), _number(paper), *ours, format_value(REGRET, ideal[max(ideal)])])
    return markdown_rows(["exposure", "the paper", "ours", f"ours, {NEAREST.split(', ')[1]}", "ideal observer"], rows)


def _player_table(regrets: Regrets) -> str:
    rows = [
        [PLAYER_TITLES[name], _number(PLAYER_REGRETS[name]), format_value(REGRET, line[max(line)])]
        for name, line in regrets.players.items()
    ]
    return markdown_rows(["player", "the paper", "ours"], rows)


def _told(kind: str, estimate: Estimate) -> str:
    return format_estimate(kind, estimate, estimate.number)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _commands() -> str:
    commands = [*map(maker, EXPERIMENTS), MAKER, "python -m experiments.reproduction"]
    return "\n".join(["```", *(f".venv/bin/{command}" for command in commands), "```"])


def _sources(rewards: Mapping[str, Rewards], results: Path, output: Path) -> str:
    """The files that the page is made of, and the revisions of the sources that they come from."""
    paths = [path(results, experiment.grid) for experiment in EXPERIMENTS for path in (csv_path, curves_path)]
    links = [_link(path, output) for path in (*paths, regret_path(results, OMNIGLOT.grid), player_path(results))]
    revisions = dict.fromkeys(part for found in rewards.values() for part in found.revisions)
    return f"From {_listed(links)}. Revision{'s' if len(revisions) > 1 else ''} {', '.join(revisions)}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _link(path: Path, output: Path) -> str:
    return f"[{path.name}]({Path(os.path.relpath(path, output.parent)).as_posix()})"
