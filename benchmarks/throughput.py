"""Training speed of the barcode bandit: through Lightning, in a bare loop over the same parts, and without memory.

    python benchmarks/throughput.py [--environments 64] [--blocks 5] [--threads 1] [--rounds 11]

Prints one JSON object. The variants take turns, so that a change in the machine's speed affects all of them. Speeds are
medians over the rounds, ratios medians of the ratios within a round.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.switch import with_pytorch
from datamodules.blocks import BlockDataModule
from episodic.agents.rollout import rollout
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.native import arithmetic
from episodic.objectives.known_gradient import backward
from episodic.objectives.native_adam import NativeSteps, clip_gradients
from episodic.tasks.blocks import block_seed
from launcher.main import quieten
from lightning_modules.episodic_agent import EpisodicAgent


def build(environments: int, blocks: int, memory: bool) -> tuple[EpisodicAgent, BlockDataModule]:
    """Build an agent's module and its data, with the paper's numbers."""
    data = BlockDataModule(environments=environments, blocks_per_epoch=blocks)
    torch.manual_seed(0)
    module = EpisodicAgent(memory=EpisodicMemory if memory else None, optimizer=optimizer, sizes=data.sizes)
    return module, data


def optimizer(parameters: Any) -> torch.optim.Optimizer:
    """The optimiser of the shipped configs, in one kernel."""
    return torch.optim.Adam(parameters, lr=7e-3, fused=True)


class Through:
    """One variant; calling it trains for the given number of blocks and returns steps per second."""

    def __init__(self, environments: int, blocks: int, memory: bool, lightning: bool) -> None:
        self.environments, self.blocks, self.memory = environments, blocks, memory
        self.lightning = lightning

    def __call__(self) -> float:
        module, data = build(self.environments, self.blocks, self.memory)
        elapsed = through_lightning(module, data) if self.lightning else bare_loop(module, data)
        return self.blocks * data.task.episodes * data.task.steps * self.environments / elapsed


class Clock(pl.Callback):
    """Times the training itself, from its second batch on."""

    begun = ended = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: object) -> None:
        self.begun = self.begun or time.perf_counter()
        self.ended = time.perf_counter()


def through_lightning(module: EpisodicAgent, data: BlockDataModule) -> float:
    """Seconds that Lightning's loop takes for the data's blocks."""
    clock = Clock()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_train_batches=data.blocks_per_epoch,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[clock],
    )
    trainer.fit(module, datamodule=data)
    return (clock.ended - clock.begun) * data.blocks_per_epoch / (data.blocks_per_epoch - 1)


def bare_loop(module: EpisodicAgent, data: BlockDataModule) -> float:
    """Seconds that a plain loop over the same parts takes for the data's blocks."""
    agent, parameters = module.agent, module.agent.policy_parameters()
    adam, begun = NativeSteps(optimizer)(parameters), 0.0
    for index in range(data.blocks_per_epoch):
        spec = data.task.draw_block(data.environments, block_seed(0, "train", 0, index))
        for trajectory in rollout(data.task, agent, spec):
            loss = agent.loss([trajectory], module.loss, 0.05, [None])
            adam.zero_grad()
            backward(loss.total)
            clip_gradients(parameters, 1.0)
            adam.step()
            del trajectory, loss  # the next episode may then lie in the same memory
        begun = begun or time.perf_counter()
    return (time.perf_counter() - begun) * data.blocks_per_epoch / (data.blocks_per_epoch - 1)


def measure(environments: int, blocks: int, rounds: int) -> dict[str, list[float]]:
    """Steps a second of every variant in every round."""
    variants: dict[str, Callable[[], float]] = {
        "lightning": Through(environments, blocks, memory=True, lightning=True),
        "bare_loop": Through(environments, blocks, memory=True, lightning=False),
        "lightning_without_memory": Through(environments, blocks, memory=False, lightning=True),
    }
    variants["pytorch"] = with_pytorch(variants["lightning"])
    speeds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            speeds[name].append(variant())
    return speeds


def ratio(speeds: dict[str, list[float]], one: str, other: str) -> float:
    """Median over the rounds of one variant's speed over another's in the same round."""
    return round(statistics.median(a / b for a, b in zip(speeds[one], speeds[other], strict=True)), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--environments", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    quieten()
    speeds = measure(arguments.environments, arguments.blocks, arguments.rounds)
    result = {
        "environments": arguments.environments,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "steps_per_second": {name: round(statistics.median(rates)) for name, rates in speeds.items()},
        "fastest_steps_per_second": {name: round(max(rates)) for name, rates in speeds.items()},
        "lightning_over_bare_loop": ratio(speeds, "lightning", "bare_loop"),
        "arithmetic": arithmetic(),
        "lightning_over_pytorch": ratio(speeds, "lightning", "pytorch"),
        "with_over_without_memory": ratio(speeds, "lightning", "lightning_without_memory"),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
