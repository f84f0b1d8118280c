"""The plots of an agent's test on the compositional bandit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks.compositional_plots import CompositionalPlots, ideal_regret
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.tasks import BarcodeBandit, CompositionalBandit
from tests.callbacks.stand_ins import Trainer, agent_module

TASK = CompositionalBandit(classes=12, exposures=3)
SPEC = TASK.draw_block(8, seed=0)


def played() -> EpisodeStatistics:
    """Statistics of an agent that always pulls the attended arm."""
    statistics = EpisodeStatistics(TASK.exposures, TASK.steps, TASK.episodes, measures=TASK.measures)
    luck, observation = TASK.luck(SPEC), torch.zeros(6, 8, 1)
    for e in range(SPEC.episodes):
        actions = torch.zeros(5, 8, dtype=torch.long)
        measures = TASK.begin(SPEC, e, luck[e], observation).measures(actions)
        statistics.update(e, SPEC.exposures[e], torch.rand(5, 8), measures, labels=SPEC.labels[e])
    return statistics


def test_regret_is_plotted_by_familiarity(tmp_path: Path) -> None:
    trainer: Any = Trainer(tmp_path, task=TASK, blocks=[SPEC])
    CompositionalPlots(player_environments=4).on_test_end(trainer, agent_module(played()))
    names = {"regret_by_familiarity", "regret_by_pull", "reward_by_exposure"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == names


def test_other_tasks_get_the_plots_of_every_task(tmp_path: Path) -> None:
    task = BarcodeBandit(arms=2, contexts=2, exposures=2, pulls=3)
    spec = task.draw_block(4, seed=0)
    statistics = EpisodeStatistics(task.exposures, task.steps, task.episodes, measures=())
    for e in range(task.episodes):
        statistics.update(e, spec.exposures[e], torch.rand(3, 4), {}, labels=spec.labels[e])
    trainer: Any = Trainer(tmp_path, task=task, blocks=[spec])
    CompositionalPlots(player_environments=4).on_test_end(trainer, agent_module(statistics))
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"reward_by_exposure"}


def test_the_ideal_players_regret_equals_the_loop() -> None:
    rewards = TASK.ideal_rewards(SPEC)
    regret = ideal_regret(rewards, SPEC.rules.familiar, best=0.9)
    for kind in range(4):
        episodes = [
            rewards[e, :, b].tolist()
            for e in range(SPEC.episodes)
            for b in range(8)
            if int(SPEC.rules.familiar[e, b]) == kind
        ]
        for t in range(5):
            expected = sum(0.9 - sum(episode[s] for episode in episodes) / len(episodes) for s in range(t + 1))
            assert float(regret[kind, t]) == pytest.approx(expected)
    assert ideal_regret(rewards, torch.zeros_like(SPEC.rules.familiar), 0.9)[1].isnan().all()
