"""The plots of an agent's test on the two-step task."""

from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks.two_step_plots import TwoStepPlots, agent_stays
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.plots.tasks.two_step_plots import PAPER_STAYS
from episodic.tasks import TwoStep
from episodic.tasks.two_step import COMPARED, OUTCOMES, TwoStepEpisode
from tests.callbacks.stand_ins import Trainer, agent_module


def played(task: TwoStep) -> tuple[EpisodeStatistics, TwoStepEpisode]:
    """Statistics of an agent that chooses as the ideal player does."""
    spec = task.draw_block(6, seed=0)
    rewards, episode = task.ideal_play(spec)
    statistics = EpisodeStatistics(task.exposures, task.steps, task.episodes, measures=task.measures)
    measures = episode.measures(torch.empty(0))
    statistics.update(0, spec.exposures[0], rewards[0], measures, labels=spec.labels[0])
    return statistics, episode


@pytest.mark.parametrize("steps", [1, 2])
def test_the_task_gets_its_plots(steps: int, tmp_path: Path) -> None:
    task = TwoStep(trials=20, steps_per_trial=steps)
    trainer: Any = Trainer(tmp_path, task=task, blocks=[task.draw_block(6, seed=0)])
    TwoStepPlots(player_environments=4).on_test_end(trainer, agent_module(played(task)[0]))
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"stay_probabilities", "reward_by_trial"}


def test_stay_probabilities_are_means_over_environments_with_such_trials() -> None:
    statistics, episode = played(TwoStep(trials=20))
    measures = episode.measures(torch.empty(0))
    for compared in COMPARED:
        expected = torch.stack([measures[f"stay_{compared}_{outcome}"].nanmean() for outcome in OUTCOMES])
        torch.testing.assert_close(agent_stays(statistics, compared).float(), expected, equal_nan=True)


def test_the_papers_numbers_cover_all_comparisons() -> None:
    assert set(PAPER_STAYS) == set(COMPARED)
    assert all(len(stays) == len(OUTCOMES) for stays in PAPER_STAYS.values())
