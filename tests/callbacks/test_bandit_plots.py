"""The plots of an agent's test, of bandits and of other tasks; the numbers of the other players."""

from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks.agent_plots import AgentPlots, mean_reward, read_curves
from callbacks.bandit_plots import BanditPlots, regret_by_pull
from episodic.errors import InputError
from episodic.metrics import by_exposure
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.players import PLAYERS, play_block
from episodic.tasks.water_maze import WaterMaze
from tests.callbacks.stand_ins import Trainer, agent_module

TASK = BarcodeBandit(arms=3, contexts=4, exposures=3, pulls=2, bits=5)
SPEC = TASK.draw_block(6, seed=0)


def played(measures: tuple[str, ...] = ("regret",), gate: bool = True) -> EpisodeStatistics:
    """Statistics of an agent that chooses at random."""
    statistics = EpisodeStatistics(TASK.exposures, TASK.steps, TASK.episodes, measures=measures)
    play = play_block(PLAYERS["random"], TASK, SPEC)
    for episode in range(TASK.episodes):
        regrets = dict.fromkeys(measures, play.regrets[episode])
        gates = torch.rand(TASK.steps, 6, 4) if gate else None
        labels, exposures = SPEC.labels[episode], SPEC.exposures[episode]
        statistics.update(episode, exposures, play.rewards[episode], regrets, labels=labels, gate=gates)
    return statistics


def test_a_bandit_gets_all_plots(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,train/reward,val/reward\n10,1.5,\n20,1.7,1.9\n")
    trainer: Any = Trainer(tmp_path, task=TASK, blocks=[SPEC])
    BanditPlots(player_environments=4).on_test_end(trainer, agent_module(played()))
    names = {"regret_by_exposure", "reward_by_exposure", "training_curve", "reinstatement_gate"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == names
    assert trainer.printed == []


def test_another_task_gets_the_plots_of_every_task(tmp_path: Path) -> None:
    task = WaterMaze(contexts=2, exposures=2, length=3)
    statistics = EpisodeStatistics(task.exposures, task.steps, task.episodes, measures=())
    spec = task.draw_block(6, seed=0)
    for episode in range(task.episodes):
        statistics.update(episode, spec.exposures[episode], torch.rand(3, 6), {}, labels=spec.labels[episode])
    (tmp_path / "metrics.csv").write_text("step,train/reward,val/reward\n10,1.5,\n20,1.7,1.9\n")
    trainer: Any = Trainer(tmp_path, task=task, blocks=[spec])
    for plots in (AgentPlots(player_environments=4), BanditPlots(player_environments=4)):
        plots.on_test_end(trainer, agent_module(statistics))
        assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"reward_by_exposure", "training_curve"}


def test_a_module_without_statistics_gets_none(tmp_path: Path) -> None:
    BanditPlots().on_test_end(Trainer(tmp_path), agent_module())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def slow_means(spec: BlockSpec, values: torch.Tensor) -> dict[int, list[list[float]]]:
    """Values `[E, T, B]` of each episode, by exposure."""
    by_exposure: dict[int, list[list[float]]] = {}
    for e in range(spec.episodes):
        for b in range(spec.batch_size):
            by_exposure.setdefault(int(spec.exposures[e, b]), []).append(values[e, :, b].tolist())
    return by_exposure


def test_the_players_numbers_equal_the_loop() -> None:
    play = play_block(PLAYERS["ideal"], TASK, SPEC)
    rewards, regrets = slow_means(SPEC, play.rewards), slow_means(SPEC, play.regrets)
    expected = [sum(map(sum, episodes)) / len(episodes) for _, episodes in sorted(rewards.items())]
    means = by_exposure(play.rewards.sum(dim=1), SPEC.exposures, 4)
    assert means[:3].tolist() == pytest.approx(expected)
    assert means[3].isnan()
    assert mean_reward(play.rewards) == pytest.approx(sum(expected) / 3)
    second = torch.tensor(regrets[2]).mean(dim=0).cumsum(dim=0)
    torch.testing.assert_close(regret_by_pull(play, SPEC.exposures == 2), second)
    everything = torch.tensor([episode for episodes in regrets.values() for episode in episodes])
    torch.testing.assert_close(regret_by_pull(play), everything.mean(dim=0).cumsum(dim=0))


def test_curves_come_from_the_runs_metrics(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert read_curves(path) is None
    path.write_text("step,train/loss\n10,1.5\n")
    assert read_curves(path) is None
    path.write_text("step,train/reward,val/reward\n10,1.5,\n20,,1.9\n")
    assert read_curves(path) == {"train/reward": [(10.0, 1.5)], "val/reward": [(20.0, 1.9)]}


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="player_environments is 0"):
        BanditPlots(player_environments=0)
