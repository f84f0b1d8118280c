"""Plots of an agent's test in the water maze: steps to the goal, visited cells, paths."""

from typing import NamedTuple

import torch
from torch import Tensor

from callbacks.agent_plots import AgentPlots, Tested
from callbacks.pictures import log_picture
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.metrics.exposure import by_exposure
from episodic.plots.tasks.maze_plots import MazePath, plot_occupancy, plot_paths, plot_search
from episodic.tasks.water_maze import WaterMaze

#: Contexts whose paths are shown.
CONTEXTS = 3


class Walks(NamedTuple):
    """The episodes of a block on a grid; a cell is given by its column and row."""

    cells: Tensor  # [E, T + 1, B, 2] long, before each step and after the last
    entered: Tensor  # [E, T, B, 2] long, where each step led, before any jump
    reached: Tensor  # [E, T, B] bool, whether that was the goal
    goals: Tensor  # [E, B, 2] long


class MazePlots(AgentPlots):
    """Plot an agent's episodes in the water maze after `test`: the plots of `AgentPlots`, and three more.

    - `maze_search`: steps to the first goal by exposure, beside the ideal players, and what the memory returned;
    - `maze_occupancy`: how long the agent stays in each cell, and at each offset from the goal, at the first, second
      and last exposure;
    - `maze_paths`: paths in a few contexts of one block, at the same exposures.

    For the last two the agent plays another block. Other tasks get only the plots of `AgentPlots`.
    """

    def plot_task(self, tested: Tested) -> None:
        """Make the plots of the maze."""
        task, statistics = tested.task, tested.statistics
        if not isinstance(task, WaterMaze):
            return
        steps = statistics.measure("steps_to_goal").sum(dim=1) / statistics.measured("steps_to_goal")
        ideal = {
            name: by_exposure(steps_to_goal(rewards), tested.block.exposures, len(steps))
            for name, rewards in tested.ideal.items()
        }
        log_picture(tested.trainer, plot_search(steps, task.steps, ideal, read_shares(statistics)), "maze_search")
        walks, exposures = walk(tested, task), sorted({1, min(2, task.exposures), task.exposures})
        steps_in = [occupancy(walks, tested.block.exposures == exposure, task) for exposure in exposures]
        on_grid, from_goal = zip(*steps_in, strict=True)
        log_picture(tested.trainer, plot_occupancy(on_grid, from_goal, exposures), "maze_occupancy")
        paths = some_paths(walks, tested.block.labels[:, 0], exposures)
        log_picture(tested.trainer, plot_paths(paths, exposures, task.width, task.height), "maze_paths")


def steps_to_goal(rewards: Tensor) -> Tensor:
    """Return the steps up to the first goal, `[E, B]`, of rewards `[E, T, B]`; one more than T if there is none.

    >>> steps_to_goal(torch.tensor([[[0.0, 0.0], [1.0, 0.0]]]))
    tensor([[2., 3.]])
    """
    reached = rewards > 0
    first = torch.where(reached.any(dim=1), reached.int().argmax(dim=1), rewards.shape[1])
    return first + 1.0


def read_shares(statistics: EpisodeStatistics) -> dict[str, Tensor] | None:
    """Return the share `[X]` of an agent's reads with each outcome, by its name; None if it made no reads."""
    recalls, right, missed = (part.sum(dim=1) for part in (statistics.recalls, statistics.right, statistics.missed))
    if not recalls.any():
        return None
    shares = {"right": right, "wrong": recalls - right - missed, "nothing recalled": missed}
    return {name: share / recalls for name, share in shares.items()}


@torch.no_grad()
def walk(tested: Tested, task: WaterMaze) -> Walks:
    """Have the agent play the block, and read its way off the coordinates that it observed."""
    spec = tested.block.to(tested.module.device)
    moves, seen = spec.rules.moves, slice(task.actions + 1, task.actions + 3)
    sides = torch.tensor([task.width - 1, task.height - 1], device=spec.labels.device)
    cells, entered, reached = [], [], []
    for played in tested.module.play(spec, "test"):  # type: ignore[operator]
        position = ((played.tape.inputs[:, :, seen] + 1) / 2 * sides).round().long()  # [T + 1, B, 2]
        number = (position * position.new_tensor([1, task.width])).sum(dim=-1)
        cells.append(position)
        entered.append(columns_and_rows(moves[number[:-1], played.actions], task))
        reached.append(played.rewards > 0)
    goals = torch.stack([spec.rules.goal(episode) for episode in range(spec.episodes)])
    walks = torch.stack(cells), torch.stack(entered), torch.stack(reached), columns_and_rows(goals, task)
    return Walks(*(part.cpu() for part in walks))


def columns_and_rows(cells: Tensor, task: WaterMaze) -> Tensor:
    """Return column and row of cells: `[...]` long -> `[..., 2]` long."""
    return torch.stack([cells % task.width, cells // task.width], dim=-1)


def occupancy(walks: Walks, episodes: Tensor, task: WaterMaze) -> tuple[Tensor, Tensor]:
    """Return the mean steps of an episode in each cell, and at each offset from the goal.

    Args:
        walks: All episodes of a block.
        episodes: `[E, B]` bool, those that count.
        task: The maze.

    Returns:
        Steps by cell `[height, width]`, and by offset `[2 * height - 1, 2 * width - 1]`. The latter is a mean over the
        episodes in which the grid has a cell at that offset.
    """
    cells = walks.cells[:, :-1].transpose(1, 2)[episodes]  # [n, T, 2]
    offsets = cells - walks.goals[episodes].unsqueeze(1) + cells.new_tensor([task.width - 1, task.height - 1])
    every = columns_and_rows(torch.arange(task.cells), task)
    possible = every - walks.goals[episodes].unsqueeze(1) + cells.new_tensor([task.width - 1, task.height - 1])
    shape = (2 * task.height - 1, 2 * task.width - 1)
    on_grid = count(cells, (task.height, task.width)) / len(cells)
    return on_grid, count(offsets, shape) / count(possible, shape)


def count(cells: Tensor, shape: tuple[int, int]) -> Tensor:
    """Count cells `[..., 2]` (column, row) in a table of rows and columns."""
    number = cells[..., 1] * shape[1] + cells[..., 0]
    return torch.bincount(number.flatten(), minlength=shape[0] * shape[1]).view(shape).double()


def some_paths(walks: Walks, labels: Tensor, exposures: list[int]) -> list[list[MazePath]]:
    """Return the paths in the first environment's first contexts, for each context by exposure.

    Args:
        walks: All episodes of a block.
        labels: `[E]` long, of the first environment.
        exposures: Numbers of the exposures, from 1.
    """
    episodes = [(labels == context).nonzero().flatten() for context in labels.unique()[:CONTEXTS]]
    return [[path(walks, int(numbers[exposure - 1])) for exposure in exposures] for numbers in episodes]


def path(walks: Walks, episode: int) -> MazePath:
    """Return the first environment's path in an episode."""
    cells, entered, reached = (part[episode, :, 0] for part in (walks.cells, walks.entered, walks.reached))
    return MazePath(cells, entered, reached, walks.goals[episode, 0])
