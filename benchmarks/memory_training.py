"""The share of a training step that is spent inside the memory, with PyTorch.

Native kernels read and write within the call that plays a whole episode, where nothing can be timed by itself.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric.utilities import move_data_to_device

from benchmarks.switch import with_pytorch
from benchmarks.throughput import optimizer
from benchmarks.timing import Result, Setting, medians, take_turns
from callbacks.agent_reading import memory_of
from datamodules.blocks import BlockDataModule
from episodic.agents.keys import Keys
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import block_seed
from lightning_modules.episodic_agent import EpisodicAgent

#: Methods of a memory that training calls.
METHODS = ("read", "write", "reset")
KINDS = {"append": EpisodicMemory, "stack": StackMemory}


@dataclass(frozen=True)
class Training:
    """One variant; a call trains, and returns the memory's share and the microseconds of its methods."""

    setting: Setting
    blocks: int
    exposures: int
    key_source: str
    kind: str

    def __call__(self) -> dict[str, float]:
        module, data = self._build()
        store = memory_of(module)
        assert store is not None
        watch = Stopwatch(store, self.setting)
        elapsed = self._train(module, data, watch)
        episodes = self.blocks * data.task.episodes
        return {
            "share": sum(watch.seconds.values()) / elapsed,
            "reads_per_episode": watch.calls["read"] / episodes,
            "microseconds_per_episode": elapsed / episodes * 1e6,
            **{f"microseconds_per_{name}": watch.seconds[name] / watch.calls[name] * 1e6 for name in watch.calls},
        }

    def _build(self) -> tuple[EpisodicAgent, BlockDataModule]:
        """Build an agent and its data, of the paper's sizes; a stack memory has one slot for each context."""
        task = BarcodeBandit(exposures=self.exposures)
        data = BlockDataModule(task, environments=self.setting.environments)
        every_step = self.key_source == "hidden"
        torch.manual_seed(0)
        module = EpisodicAgent(
            memory=KINDS[self.kind],
            keys=Keys(
                source=self.key_source,
                stored="first" if every_step else "last",
                capacity=task.contexts if self.kind == "stack" else task.episodes,
            ),
            perception=Perception(cue_input=every_step),
            sizes=data.sizes,
        )
        return module.to(self.setting.device), data

    def _train(self, module: EpisodicAgent, data: BlockDataModule, watch: "Stopwatch") -> float:
        """Seconds for all blocks but the first, which warms up."""
        agent, parameters = module.agent, module.agent.policy_parameters()
        adam, begun = optimizer(parameters), 0.0
        for index in range(self.blocks + 1):
            if index == 1:
                watch.clear()
                begun = self.setting.now()
            spec = data.task.draw_block(data.environments, block_seed(0, "train", 0, index))
            spec = move_data_to_device(spec, self.setting.device)
            for trajectory in rollout(data.task, agent, spec):
                loss = module.loss(*agent.replay(trajectory), trajectory.actions, trajectory.rewards, 0.05)
                adam.zero_grad()
                loss.total.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                adam.step()
        return self.setting.now() - begun


@dataclass
class Stopwatch:
    """The time spent inside a memory's methods; on a CUDA device it waits for each call."""

    memory: Memory
    setting: Setting
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in METHODS:
            setattr(self.memory, name, self._timed(name, getattr(self.memory, name)))
        self.clear()

    def clear(self) -> None:
        """Start again at 0."""
        self.seconds, self.calls = dict.fromkeys(METHODS, 0.0), dict.fromkeys(METHODS, 0)

    def _timed(self, name: str, method: Callable[..., Result]) -> Callable[..., Result]:
        def timed(*arguments: Any, **options: Any) -> Result:
            begun = self.setting.now()
            answer = method(*arguments, **options)
            self.seconds[name] += self.setting.now() - begun
            self.calls[name] += 1
            return answer

        return timed


def measure_training(setting: Setting, blocks: int, exposures: int) -> dict[str, dict[str, float]]:
    """Medians of the results of each variant of training."""
    variants: dict[str, Callable[[], dict[str, float]]] = {
        f"{source}_{kind}": with_pytorch(Training(setting, blocks, exposures, source, kind))
        for source, kind in itertools.product(("context", "hidden"), KINDS)
    }
    results = take_turns(variants, setting.rounds)
    return {name: medians({key: [one[key] for one in each] for key in each[0]}) for name, each in results.items()}
