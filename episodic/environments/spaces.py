"""The spaces of a task's observations and actions."""

from typing import cast

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete

from episodic.environments.block_play import Floats
from episodic.tasks.bandit import Bandit
from episodic.tasks.compositional.task import CompositionalTask
from episodic.tasks.repeat_previous import RepeatPrevious
from episodic.tasks.task import Task
from episodic.tasks.two_step import TwoStep
from episodic.tasks.water_maze import WaterMaze

#: Tasks whose rewards and cues lie in [0, 1] and whose observations lie in [-1, 1].
BOUNDED = (Bandit, CompositionalTask, RepeatPrevious, TwoStep, WaterMaze)


def action_space(task: Task) -> Discrete:
    """Return the space of one environment's actions."""
    return Discrete(task.actions)


def observation_space(task: Task, bounded_cues: bool) -> Space[Floats]:
    """Return the space of one environment's observations, `[A + 1 + O + C]`.

    Args:
        task: any task; without known bounds, reward, observation and cue are unbounded.
        bounded_cues: whether the cues lie in [0, 1]; embeddings do not.
    """
    actions, seen = task.actions, task.sizes.seen_size
    high = np.full(seen + task.cue_size, np.inf, dtype=np.float32)
    low = -high
    low[:actions], high[:actions] = 0, 1
    if isinstance(task, BOUNDED):
        low[actions], high[actions] = 0, 1
        low[actions + 1 : seen], high[actions + 1 : seen] = -1, 1
        if bounded_cues:
            low[seen:], high[seen:] = 0, 1
    return cast(Space[Floats], Box(low, high, dtype=np.float32))
