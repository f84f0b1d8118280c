"""The plots of an agent's test in the water maze, and the numbers that they show."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from callbacks import agent_plots
from callbacks.maze_plots import MazePlots, occupancy, read_shares, some_paths, steps_to_goal, walk
from episodic.agents import build_agent, rollout
from episodic.memory import EpisodicMemory
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.tasks import BarcodeBandit, WaterMaze
from tests.callbacks.stand_ins import Trainer, agent_module

TASK = WaterMaze(width=3, height=2, contexts=3, exposures=3, length=5)
SPEC = TASK.draw_block(4, seed=0)
COMMON = {"reward_by_exposure", "reinstatement_gate"}


def played(module: Any, task: Any) -> EpisodeStatistics:
    """Statistics of the module's agent on a block."""
    spec = task.draw_block(4, seed=1)
    statistics = EpisodeStatistics(task.exposures, task.steps, task.episodes, measures=task.measures)
    for episode, trajectory in enumerate(module.play(spec, "test")):
        statistics.update(
            episode,
            spec.exposures[episode],
            trajectory.rewards,
            trajectory.measures,
            labels=spec.labels[episode],
            reads=trajectory.reads.outcome if trajectory.reads else None,
            gate=module.agent.core.gate(trajectory.tape),
        )
    return statistics


def playing_module(task: Any, memory: Any = EpisodicMemory) -> Any:
    """A module with an untrained agent that has played a block."""
    agent = build_agent(task.sizes, memory=memory).agent
    module = SimpleNamespace(
        agent=agent, play=lambda spec, split: rollout(task, agent, spec), device=torch.device("cpu")
    )
    module.evaluation = agent_module(played(module, task)).evaluation
    return module


def after_a_test() -> agent_plots.Tested:
    module = playing_module(TASK)
    return agent_plots.Tested(SimpleNamespace(), module, module.evaluation.of("test"), TASK, SPEC, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("memory", [EpisodicMemory, None], ids=["memory", "no memory"])
def test_the_maze_gets_all_plots(memory: Any, tmp_path: Path) -> None:
    trainer: Any = Trainer(tmp_path, task=TASK, blocks=[SPEC])
    MazePlots(player_environments=4).on_test_end(trainer, playing_module(TASK, memory))
    common = COMMON if memory else COMMON - {"reinstatement_gate"}
    plots = {"maze_search", "maze_occupancy", "maze_paths"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == common | plots


def test_another_task_gets_the_plots_of_every_task(tmp_path: Path) -> None:
    task = BarcodeBandit(arms=2, contexts=3, exposures=2, pulls=4)
    trainer: Any = Trainer(tmp_path, task=task, blocks=[task.draw_block(4, seed=0)])
    MazePlots(player_environments=4).on_test_end(trainer, playing_module(task))
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == COMMON


def test_a_walk_follows_the_rules_of_the_maze() -> None:
    walks, rules = walk(after_a_test(), TASK), SPEC.rules
    for e in range(SPEC.episodes):
        for b in range(SPEC.batch_size):
            cells, goal = walks.cells[e, :, b].tolist(), walks.goals[e, b].tolist()
            assert cells[0] == [rules.starts[e, b] % 3, rules.starts[e, b] // 3]
            assert goal == [rules.goal(e)[b] % 3, rules.goal(e)[b] // 3]
            for t, entered in enumerate(walks.entered[e, :, b].tolist()):
                assert abs(entered[0] - cells[t][0]) + abs(entered[1] - cells[t][1]) <= 1
                assert bool(walks.reached[e, t, b]) == (entered == goal)
                assert (cells[t + 1] == entered) == (entered != goal)
    assert walks.reached.any()


def test_occupancy_equals_the_loop() -> None:
    walks, episodes = walk(after_a_test(), TASK), SPEC.exposures == 2
    on_grid, from_goal = occupancy(walks, episodes, TASK)
    grid = torch.zeros(2, 3)
    offsets, possible = torch.zeros(3, 5), torch.zeros(3, 5)
    for e, b in episodes.nonzero().tolist():
        goal_x, goal_y = walks.goals[e, b].tolist()
        for x, y in walks.cells[e, :-1, b].tolist():
            grid[y, x] += 1
            offsets[y - goal_y + 1, x - goal_x + 2] += 1
        for x, y in [(x, y) for x in range(3) for y in range(2)]:
            possible[y - goal_y + 1, x - goal_x + 2] += 1
    torch.testing.assert_close(on_grid.float(), grid / episodes.sum())
    torch.testing.assert_close(from_goal.float(), offsets / possible, equal_nan=True)
    assert on_grid.sum() == pytest.approx(TASK.steps)


def test_paths_are_those_of_the_same_contexts() -> None:
    walks, labels = walk(after_a_test(), TASK), SPEC.labels[:, 0]
    paths = some_paths(walks, labels, [1, 3])
    assert len(paths) == 3
    for context, (first, last) in enumerate(paths):
        numbers = [e for e in range(SPEC.episodes) if labels[e] == context]
        assert torch.equal(first.goal, last.goal)
        assert torch.equal(last.cells, walks.cells[numbers[2], :, 0])
        assert torch.equal(first.reached, walks.reached[numbers[0], :, 0])


def test_steps_of_the_ideal_player_are_counted_as_the_task_counts_the_agents() -> None:
    module = playing_module(TASK)
    trajectories = list(module.play(SPEC, "test"))
    steps = steps_to_goal(torch.stack([trajectory.rewards for trajectory in trajectories]))
    assert torch.equal(steps, torch.stack([trajectory.measures["steps_to_goal"] for trajectory in trajectories]))


def test_the_shares_of_reads_add_up_to_all() -> None:
    shares = read_shares(after_a_test().statistics)
    assert shares is not None
    torch.testing.assert_close(sum(shares.values()), torch.ones(3, dtype=torch.double))
    assert shares["right"][0] == 0
    assert read_shares(EpisodeStatistics(2, 3, 4)) is None
