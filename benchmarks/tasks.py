"""Training speed of every task, in steps per second of an agent with a memory, with native kernels and without.

    python benchmarks/tasks.py [--environments 64] [--rounds 11] [--threads 1]

Prints one JSON object. The variants take turns; each turn trains on one block. Speeds are medians
over the rounds, ratios medians of the ratios within a round.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import positive
from benchmarks.switch import with_pytorch
from benchmarks.timing import take_turns
from episodic.agents import Agent, Keys, Perception, build_agent, rollout
from episodic.memory import EpisodicMemory
from episodic.native import arithmetic
from episodic.objectives import ActorCritic
from episodic.objectives.known_gradient import backward
from episodic.objectives.native_adam import NativeSteps, clip_gradients
from episodic.tasks import BarcodeBandit, CompositionalBandit, ContextualChoice, Task, TwoStep, WaterMaze

REFERENCE, HIDDEN = "barcode_bandit", "barcode_bandit_hidden_keys"
#: Ends the names of the variants without native kernels.
PYTORCH = "_pytorch"
TASKS: dict[str, Task] = {
    REFERENCE: BarcodeBandit(),
    "compositional_bandit": CompositionalBandit(classes=80),
    "water_maze": WaterMaze(),
    "two_step": TwoStep(),
    "contextual_choice": ContextualChoice(),
}


class Trained:
    """A task with an agent; a call trains on one block and returns steps per second."""

    def __init__(self, task: Task, environments: int, keys: Keys, perception: Perception) -> None:
        torch.manual_seed(0)
        self.task, self.environments, self.block = task, environments, 0
        self.agent: Agent = build_agent(task.sizes, memory=EpisodicMemory, keys=keys, perception=perception).agent
        self.parameters, self.loss = self.agent.policy_parameters(), ActorCritic()
        self.adam = NativeSteps(partial(torch.optim.Adam, lr=7e-3, fused=True))(self.parameters)

    def __call__(self) -> float:
        self.block += 1
        spec = self.task.draw_block(self.environments, self.block)
        begun = time.perf_counter()
        for episode, trajectory in enumerate(rollout(self.task, self.agent, spec)):
            loss = self.agent.loss([trajectory], self.loss, 0.05, [spec.cues[episode]])
            self.adam.zero_grad()
            backward(loss.total)
            clip_gradients(self.parameters, 1.0)
            self.adam.step()
            del trajectory, loss  # the next episode may then lie in the same memory
        return self.task.episodes * self.task.steps * self.environments / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--environments", type=positive, default=64)
    parser.add_argument("--rounds", type=positive, default=11)
    parser.add_argument("--threads", type=positive, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    native: dict[str, Callable[[], float]] = {
        name: Trained(task, arguments.environments, Keys(), Perception()) for name, task in TASKS.items()
    }
    native[HIDDEN] = Trained(TASKS[REFERENCE], arguments.environments, Keys("hidden"), Perception(cue_input=True))
    plain = {f"{name}{PYTORCH}": with_pytorch(variant) for name, variant in native.items()}
    variants = {**native, **plain}
    take_turns(variants, 1)  # the first block warms up
    speeds = take_turns(variants, arguments.rounds)
    ratios = {
        name: statistics.median(one / other for one, other in zip(rates, speeds[REFERENCE], strict=True))
        for name, rates in speeds.items()
        if name != REFERENCE and name in native
    }
    gains = {
        name: statistics.median(
            one / other for one, other in zip(speeds[name], speeds[f"{name}{PYTORCH}"], strict=True)
        )
        for name in native
    }
    result = {
        "environments": arguments.environments,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "steps_per_second": {name: round(statistics.median(rates)) for name, rates in speeds.items()},
        "arithmetic": arithmetic(),
        "over_pytorch": {name: round(gain, 2) for name, gain in gains.items()},
        "fastest_over_pytorch": {
            name: round(max(speeds[name]) / max(speeds[f"{name}{PYTORCH}"]), 2) for name in native
        },
        f"over_{REFERENCE}": {name: round(value, 3) for name, value in ratios.items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
