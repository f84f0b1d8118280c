"""Results that a reproduction page can be made of, without a run."""

import math
from pathlib import Path

from experiments.curve_files import CurvePoint, curves_path, write_curves
from experiments.grid_files import csv_path
from experiments.paper import AGENTS, EXPERIMENTS, NEAREST, OMNIGLOT, PLAYER_REGRETS, Experiment
from experiments.player_files import PlayerRegret, player_path
from experiments.regret_files import RegretPoint, regret_path
from experiments.results import Row, write_rows
from experiments.tidy_files import write_records

FINAL = {"epL2RL": 8.25, NEAREST: 7.5, "L2RL": 4.5, "L2RL+context": 4.25}
SEEDS, STEPS, PULLS, EXPOSURES = (1, 2, 3), (1000, 2000, 4000), (1, 2, 3), (1, 2, 5, 9)
PLAYERS = (*PLAYER_REGRETS, "ideal")


def write_results(folder: Path) -> None:
    """The CSVs of both grids and of the players."""
    for experiment in EXPERIMENTS:
        write_rows(csv_path(folder, experiment.grid), [row for name in FINAL for row in _rows(experiment, name)])
        points = [point for name in AGENTS for point in _curve(name)]
        write_curves(curves_path(folder, experiment.grid), ("train/reward", "val/reward"), points)
    regrets = [point for name in FINAL for point in _regrets(name)]
    write_records(regret_path(folder, OMNIGLOT.grid), RegretPoint, regrets)
    write_records(player_path(folder), PlayerRegret, [row for name in PLAYERS for row in _played(name)])


def _rows(experiment: Experiment, name: str) -> list[Row]:
    """The rewards of seeds 1, 2, 3 are 0.25 apart; the ideal observer earns 10."""
    rewards = {seed: FINAL[name] + 0.25 * (seed - 2) for seed in SEEDS}
    return [
        Row(name, experiment.evaluation, seed, {"test/reward": reward, "test/ideal_fraction": reward / 10}, "abc", 1.0)
        for seed, reward in rewards.items()
    ]


def _curve(name: str) -> list[CurvePoint]:
    """A reward that rises with the steps; validated at the last one alone."""
    points = []
    for seed in SEEDS:
        for step in STEPS:
            metrics = {"train/reward": FINAL[name] * (1 - math.exp(-step / 1000)) + 0.01 * seed}
            points.append(CurvePoint(name, seed, step, {**metrics, **({"val/reward": 1.0} if step == 4000 else {})}))
    return points


def _regrets(name: str) -> list[RegretPoint]:
    """After pull t: 0.4 (10 - reward) t / x at exposure x."""
    return [
        RegretPoint(name, OMNIGLOT.evaluation, seed, x, pull, 0.4 * (10 - FINAL[name] + 0.1 * (seed - 2)) * pull / x)
        for seed in SEEDS
        for x in EXPOSURES
        for pull in PULLS
    ]


def _played(name: str) -> list[PlayerRegret]:
    """After pull t: t times the player's number, half of it at the second exposure; twice as many episodes there."""
    number = 1 + PLAYERS.index(name)
    return [
        PlayerRegret(name, x, pull, 20 if x == 2 else 10, number * pull / (2 if x == 2 else 1))
        for x in EXPOSURES
        for pull in PULLS
    ]
