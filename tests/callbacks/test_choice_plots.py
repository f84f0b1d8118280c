"""The plots of an agent's test in the contextual choice task."""

from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks.choice_plots import ChoicePlots, accuracy_by_half
from episodic.memory import EpisodicMemory
from episodic.tasks import BarcodeBandit, ContextualChoice
from tests.callbacks.stand_ins import Trainer
from tests.callbacks.test_maze_plots import COMMON, playing_module

TASK = ContextualChoice(trials=4, length=5, quiet=2, dimensions=3)


@pytest.mark.parametrize("memory", [EpisodicMemory, None], ids=["memory", "no memory"])
def test_the_task_gets_all_plots(memory: Any, tmp_path: Path) -> None:
    trainer: Any = Trainer(tmp_path, task=TASK, blocks=[TASK.draw_block(4, seed=0)])
    ChoicePlots(player_environments=4).on_test_end(trainer, playing_module(TASK, memory))
    common = COMMON if memory else COMMON - {"reinstatement_gate"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == common | {"accuracy_by_step"}


def test_another_task_gets_the_plots_of_every_task(tmp_path: Path) -> None:
    task = BarcodeBandit(arms=2, contexts=3, exposures=2, pulls=4)
    trainer: Any = Trainer(tmp_path, task=task, blocks=[task.draw_block(4, seed=0)])
    ChoicePlots(player_environments=4).on_test_end(trainer, playing_module(task))
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == COMMON


def test_accuracy_is_a_mean_over_the_trials_of_a_half() -> None:
    rewards = torch.rand(6, 5, 2)
    accuracy = accuracy_by_half(rewards)
    for half in range(2):
        for t in range(5):
            values = [float(rewards[3 * half + trial, t, b]) for trial in range(3) for b in range(2)]
            assert float(accuracy[half, t]) == pytest.approx(sum(values) / 6)
