"""What a machine can do, in about two minutes: its CUDA tests, training speeds of the agent, and those of the encoders.

    python benchmarks/device.py [--device cpu|cuda] [--environments 64 1024 16384] [--seconds 5] [--steps 8]
        [--no-tests] [--no-encoders]

Prints one JSON object:

- `tests`: of those that need a CUDA device, how many passed, failed or were skipped; empty on a CPU;
- `steps_per_second`: training steps of an agent with a memory on the barcode bandit, by the number of environments;
- `images_per_second`: training of the encoders, from `benchmarks/encoders.py`.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import device, positive
from episodic.agents import build_agent, rollout
from episodic.memory import EpisodicMemory
from episodic.native import arithmetic
from episodic.objectives import ActorCritic
from episodic.objectives.native_adam import NativeSteps, clip_gradients
from episodic.tasks import BarcodeBandit

PROJECT = Path(__file__).resolve().parent.parent


def run_tests() -> dict[str, int]:
    """Run the library's tests that need a CUDA device; return how many ended in which way."""
    command = [sys.executable, "-m", "pytest", "-q", "-k", "cuda", "tests/episodic"]
    last = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False).stdout
    return {outcome: int(count) for count, outcome in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}


def steps_per_second(environments: int, where: torch.device, seconds: float) -> float:
    """Train an agent with a memory for so long, after two episodes that warm up."""
    torch.manual_seed(0)
    task, loss = BarcodeBandit(), ActorCritic()
    agent = build_agent(task.sizes, memory=EpisodicMemory).agent.to(where)
    parameters = agent.policy_parameters()
    adam = NativeSteps(partial(torch.optim.Adam, lr=7e-3, fused=True))(parameters)
    spec = task.draw_block(environments, seed=0).to(where)
    begun, played = now(where), 0
    while True:
        for episode, trajectory in enumerate(rollout(task, agent, spec)):
            total = agent.loss([trajectory], loss, 0.05, [spec.cues[episode]]).total
            adam.zero_grad()
            total.backward()
            clip_gradients(parameters, 1.0)
            adam.step()
            del trajectory, total  # the next episode may then lie in the same memory
            played += 1
            if played == 2:
                begun = now(where)
            # Looking at the clock makes the host wait for the device: rarely, therefore.
            if played > 2 and played % 10 == 2 and now(where) - begun > seconds:
                return (played - 2) * task.steps * environments / (now(where) - begun)


def now(where: torch.device) -> float:
    """The time once the device has finished its work."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return time.perf_counter()


def images_per_second(where: torch.device, steps: int) -> dict[str, float]:
    """Training speeds of the encoders of drawings."""
    command = [sys.executable, "benchmarks/encoders.py", "--rounds", "1", "--steps", str(steps), "--device", where.type]
    small = [] if where.type == "cuda" else ["--batch-size", "32", "--channels", "16"]
    done = subprocess.run([*command, *small], cwd=PROJECT, capture_output=True, text=True, check=True)
    speeds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])["images_per_second"]
    return speeds


def name_of(where: torch.device) -> str:
    """The device's name."""
    return torch.cuda.get_device_name(where) if where.type == "cuda" else platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", type=device, default=device("cuda" if torch.cuda.is_available() else "cpu"))
    parser.add_argument("--environments", type=positive, nargs="+", help="64, 1,024 and, on CUDA, 16,384 by default")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each number of environments")
    parser.add_argument("--steps", type=positive, default=8, help="training steps of each encoder")
    parser.add_argument("--no-tests", dest="tests", action="store_false")
    parser.add_argument("--no-encoders", dest="encoders", action="store_false")
    arguments = parser.parse_args()
    where: torch.device = arguments.device
    cuda = where.type == "cuda"
    sizes = arguments.environments or [64, 1024, 16384][: 3 if cuda else 2]
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "device": name_of(where),
        "torch": torch.__version__,
        "arithmetic": arithmetic(where),
        "tests": run_tests() if cuda and arguments.tests else {},
        "steps_per_second": {size: round(steps_per_second(size, where, arguments.seconds)) for size in sizes},
        "images_per_second": images_per_second(where, arguments.steps) if arguments.encoders else {},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
