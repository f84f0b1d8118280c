"""A task as a single Gymnasium environment."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from episodic.environments.block_play import BlockPlay, Floats
from episodic.environments.block_seeds import next_block_seed
from episodic.environments.frames import Frame, draw_frame
from episodic.environments.named_task import named_task, with_drawings
from episodic.environments.spaces import action_space, observation_space
from episodic.errors import require
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Task


class TaskEnv(gymnasium.Env[Floats, np.int64]):
    """One environment of a task; `gymnasium.make("episodic/BarcodeBandit-v0")` makes it.

    A Gymnasium episode is a whole block, so that what a player remembers has a use; with the unit `episode`, it is one
    episode, and each `reset` continues with the next one of the block. `BlockPlay` describes observations,
    `BlockPlay.structure` the entries of `info`.

    Args:
        task: a task, or the name of one in `episodic.tasks`.
        unit: `block` or `episode`.
        render_mode: `rgb_array`, or None.
        drawings: `[characters, drawings of each, C]` for tasks that show drawings; None: generated handwriting.
        arguments: the task's own, where `task` is a name.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        task: Task | str,
        *,
        unit: str = "block",
        render_mode: str | None = None,
        drawings: ArrayLike | Tensor | None = None,
        **arguments: Any,
    ) -> None:
        chosen, table = with_drawings(as_task(task, arguments), drawings)
        self.play = BlockPlay(chosen, 1, unit=unit, table=table)
        self.task, self.render_mode = chosen, render_mode
        self.observation_space = observation_space(chosen, bounded_cues=drawings is None)
        self.action_space = action_space(chosen)

    @property
    def block(self) -> BlockSpec:
        """The block that is being played."""
        return self.play.block

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin a block, or with the unit `episode` the block's next episode.

        Args:
            seed: begins a new block; the same seed gives the same blocks.
            options: `block_seed` begins the block of this seed.
        """
        super().reset(seed=seed)
        block_seed = next_block_seed(self.play, self.np_random, seed, options)
        if block_seed is None:
            self.play.next_episode()
        else:
            self.play.start(block_seed)
        return self.play.observation()[0], self._info()

    def step(self, action: np.int64) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Take an action; an episode of Gymnasium ends by `terminated`, never by `truncated`."""
        (reward,) = self.play.step(np.asarray([action]))
        return self.play.observation()[0], float(reward), self.play.over, False, self._info()

    def _info(self) -> dict[str, Any]:
        return {name: int(value[0]) for name, value in self.play.structure().items()}

    def render(self) -> Frame | None:
        """Return a picture of the environment, if `render_mode` is `rgb_array`."""
        return None if self.render_mode is None or self.play.spec is None else draw_frame(self.play, 0)


def as_task(task: Task | str, arguments: dict[str, Any]) -> Task:
    """Return the task itself, or the one of this name with these arguments.

    Raises:
        InputError: arguments for a task that is made already; see `named_task`.
    """
    if isinstance(task, str):
        return named_task(task, arguments)
    require(not arguments, f"{', '.join(arguments)}: arguments go with the name of a task, not with a task")
    return task
