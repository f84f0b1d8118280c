"""Train RecurrentPPO of sb3-contrib on the barcode bandit, and compare it with chance and with the ideal observer.

    pip install sb3-contrib
    python -m examples.recurrent_ppo                    # an LSTM that keeps its state over a whole block
    python -m examples.recurrent_ppo --unit episode     # an LSTM that starts each episode from zero

RecurrentPPO has no episodic memory: what it knows of a context must stay in its LSTM. See docs/how_to/gymnasium.md.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np
import torch

from episodic.environments import TaskVectorEnv
from episodic.tasks import BarcodeBandit

try:
    from sb3_contrib import RecurrentPPO
    from stable_baselines3.common.callbacks import BaseCallback

    from examples.sb3_vector import Sb3VectorEnv
except ModuleNotFoundError as error:
    sys.exit(f"error: {error.name} is not installed: pip install sb3-contrib")


class TimeLimit(BaseCallback):
    """Stop after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = time.monotonic() + seconds

    def _on_step(self) -> bool:
        return time.monotonic() < self.end


def evaluate(model: RecurrentPPO, task: BarcodeBandit, unit: str, blocks: int, seed: int) -> tuple[list[float], float]:
    """Play blocks that were not trained on.

    Returns:
        The mean episode reward by exposure, and that of the ideal observer on the same blocks.
    """
    envs = TaskVectorEnv(task, blocks, unit=unit, autoreset_mode="SameStep")
    observation, _ = envs.reset(options={"block_seed": seed})
    block, state = envs.block, None
    start, rewards = np.ones(blocks, dtype=bool), np.zeros((task.episodes, task.steps, blocks))
    for step in range(task.episodes * task.steps):
        action, state = model.predict(observation, state=state, episode_start=start, deterministic=False)
        observation, reward, start, *_ = envs.step(action)
        rewards[divmod(step, task.steps)] = reward
    episodes, exposures = rewards.sum(axis=1), block.exposures.numpy()
    by_exposure = [float(episodes[exposures == exposure].mean()) for exposure in range(1, task.exposures + 1)]
    return by_exposure, float(task.ideal_rewards(block).sum()) / episodes.size


def main(arguments: list[str] | None = None, task: BarcodeBandit | None = None) -> dict[str, float]:
    """Train, test and print; return the rewards by name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="length of the training (default: %(default)s)")
    parser.add_argument("--unit", choices=["block", "episode"], default="block", help="how long the LSTM's state lasts")
    parser.add_argument("--environments", type=int, default=64, help="environments (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    task = task or BarcodeBandit()
    torch.set_num_threads(1)
    envs = Sb3VectorEnv(TaskVectorEnv(task, given.environments, unit=given.unit, autoreset_mode="SameStep"))
    settings: dict[str, Any] = {
        "lstm_hidden_size": 64,
        "net_arch": [],
        "enable_critic_lstm": False,
        "shared_lstm": True,
    }
    model = RecurrentPPO(
        "MlpLstmPolicy",
        envs,
        n_steps=5 * task.steps,
        batch_size=given.environments * 5 * task.steps // 4,
        n_epochs=4,
        gamma=0.7,
        gae_lambda=0.9,
        ent_coef=0.02,
        learning_rate=3e-3,
        policy_kwargs=settings,
        seed=given.seed,
        device="cpu",
    )
    model.learn(total_timesteps=10**9, callback=TimeLimit(given.seconds))
    by_exposure, ideal = evaluate(model, task, given.unit, blocks=50, seed=12345)
    reward = float(np.mean(by_exposure))
    print(f"{model.num_timesteps:,} steps, {model.num_timesteps // task.steps:,} episodes in {given.seconds:g} s")
    print(f"random choice  {task.chance:.2f}")
    print(f"RecurrentPPO   {reward:.2f}   by exposure: {' '.join(f'{value:.2f}' for value in by_exposure)}")
    print(f"ideal observer {ideal:.2f}")
    return {"chance": task.chance, "reward": reward, "ideal": ideal}


if __name__ == "__main__":
    main()
