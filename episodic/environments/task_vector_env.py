"""A task as a vector environment: all environments are one batch of the task."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from episodic.environments.block_play import BlockPlay, Floats
from episodic.environments.block_seeds import next_block_seed
from episodic.environments.frames import Frame, draw_frame
from episodic.environments.named_task import with_drawings
from episodic.environments.spaces import action_space, observation_space
from episodic.environments.task_env import as_task
from episodic.errors import require, require_choice
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Task

Actions = NDArray[np.integer]
Flags = NDArray[np.bool_]


class TaskVectorEnv(VectorEnv[Floats, Actions, NDArray[Any]]):
    """B environments of a task; `gymnasium.make_vec("episodic/BarcodeBandit-v0", num_envs=64)` makes them.

    All environments play the same steps, so they end and begin together. Each has its own block. See `TaskEnv`.

    Args:
        task: a task, or the name of one in `episodic.tasks`.
        num_envs: number of environments B.
        unit: `block` or `episode`, what a Gymnasium episode is.
        autoreset_mode: `NextStep` (Gymnasium's default): the step after the end ignores its actions and starts a new
            episode;
            `SameStep`: the last step returns the new observation, and the last one as `info["final_obs"]`;
            `Disabled`: the caller calls `reset`.
        render_mode: `rgb_array`, or None.
        drawings: `[characters, drawings of each, C]` for tasks that show drawings; None: generated handwriting.
        arguments: the task's own, where `task` is a name.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        task: Task | str,
        num_envs: int = 1,
        *,
        unit: str = "block",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        drawings: ArrayLike | Tensor | None = None,
        **arguments: Any,
    ) -> None:
        if isinstance(autoreset_mode, str):
            require_choice("autoreset_mode", autoreset_mode, tuple(mode.value for mode in AutoresetMode))
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        chosen, table = with_drawings(as_task(task, arguments), drawings)
        self.play = BlockPlay(chosen, num_envs, unit=unit, table=table)
        self.task, self.num_envs, self.render_mode = chosen, num_envs, render_mode
        self.single_observation_space = observation_space(chosen, bounded_cues=drawings is None)
        self.single_action_space = action_space(chosen)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def block(self) -> BlockSpec:
        """The block that is being played, of all environments."""
        return self.play.block

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin a block in all environments, or with the unit `episode` the block's next episode.

        Args:
            seed: one seed for all environments, begins a new block; the same seed gives the same blocks.
            options: `block_seed` begins the block of this seed, the one of `task.draw_block(num_envs, block_seed)`.
        """
        require(seed is None or isinstance(seed, int | np.integer), f"seed is {seed!r}: it must be one integer for all")
        super().reset(seed=seed)
        self._begin(seed, options)
        return self.play.observation(), self._info()

    def _begin(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        block_seed = next_block_seed(self.play, self.np_random, seed, options)
        if block_seed is None:
            self.play.next_episode()
        else:
            self.play.start(block_seed)

    def step(self, actions: Actions) -> tuple[Floats, Floats, Flags, Flags, dict[str, Any]]:
        """Take the actions `[B]`; an episode of Gymnasium ends by `terminated`, never by `truncated`."""
        never = np.zeros(self.num_envs, dtype=np.bool_)
        if self.play.spec is not None and self.play.over and self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._begin()
            return self.play.observation(), np.zeros(self.num_envs, np.float32), never, never.copy(), self._info()
        reward = self.play.step(actions)
        terminated, final = np.full(self.num_envs, self.play.over), {}
        if self.play.over and self.autoreset_mode is AutoresetMode.SAME_STEP:
            last = np.empty(self.num_envs, dtype=object)
            last[:] = list(self.play.observation())
            final = _masked({"final_obs": last, "final_info": self._info()}, self.num_envs)
            self._begin()
        return self.play.observation(), reward, terminated, never, {**self._info(), **final}

    def _info(self) -> dict[str, Any]:
        return _masked(self.play.structure(), self.num_envs)

    def render(self) -> tuple[Frame, ...] | None:
        """Return a picture of each environment, if `render_mode` is `rgb_array`."""
        if self.render_mode is None or self.play.spec is None:
            return None
        return tuple(draw_frame(self.play, row) for row in range(self.num_envs))


def _masked(info: Any, count: int) -> dict[str, Any]:
    """Add Gymnasium's masks: `_name` says which environments have an entry `name`, here all."""
    return {**info, **{f"_{name}": np.ones(count, dtype=np.bool_) for name in info}}
