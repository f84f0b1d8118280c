"""Adapt this project's vector environments to Stable-Baselines3."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from episodic.environments import TaskVectorEnv


class Sb3VectorEnv(VecEnv):
    """Pass steps on to a `TaskVectorEnv` that resets in the same step.

    Stable-Baselines3 gets `terminal_observation` and, after each end, the reward and length of what has ended.
    """

    def __init__(self, envs: TaskVectorEnv) -> None:
        assert envs.autoreset_mode is AutoresetMode.SAME_STEP, "make the environments with autoreset_mode='SameStep'"
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self.returns, self.lengths = np.zeros(envs.num_envs), 0

    def reset(self) -> NDArray[np.float32]:
        observation, _ = self.envs.reset(seed=self._seeds[0])
        self._reset_seeds()
        self.returns, self.lengths = np.zeros(self.num_envs), 0
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        observation, reward, terminated, _, info = self.envs.step(self.actions)
        self.returns, self.lengths = self.returns + reward, self.lengths + 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if terminated.all():  # all environments end together
            for row, entry in enumerate(infos):
                entry["terminal_observation"] = info["final_obs"][row]
                entry["episode"] = {"r": self.returns[row], "l": self.lengths, "t": 0.0}
            self.returns, self.lengths = np.zeros(self.num_envs), 0
        return observation, reward, terminated, infos

    def close(self) -> None:
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.envs, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError("all environments are one: set the attribute of `envs`")

    def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **keywords: Any) -> list[Any]:
        raise NotImplementedError("all environments are one: call the method of `envs`")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * len(self._rows(indices))

    def _rows(self, indices: Any) -> Sequence[int]:
        return list(self._get_indices(indices))
