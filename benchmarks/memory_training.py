"""The share of a training step that is spent inside the memory."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.throughput import optimizer
from benchmarks.timing import Result, Setting, medians, take_turns
from datamodules.barcode_bandit import BarcodeBanditDataModule
from episodic.agents.rollout import play_episodes
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory
from episodic.tasks.blocks import BlockSpec, block_seed
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
        agent, data = self._build()
        assert agent.memory is not None
        watch = Stopwatch(agent.memory, self.setting)
        elapsed = self._train(agent, data, watch)
        episodes = self.blocks * data.task.episodes
        return {
            "share": sum(watch.seconds.values()) / elapsed,
            "reads_per_episode": watch.calls["read"] / episodes,
            "microseconds_per_episode": elapsed / episodes * 1e6,
            **{f"microseconds_per_{name}": watch.seconds[name] / watch.calls[name] * 1e6 for name in watch.calls},
        }

    def _build(self) -> tuple[EpisodicAgent, BarcodeBanditDataModule]:
        """An agent and its data, of the paper's sizes; a stack memory has one slot for each context."""
        data = BarcodeBanditDataModule(environments=self.setting.environments, exposures=self.exposures)
        every_step = self.key_source == "hidden"
        torch.manual_seed(0)
        sizes: dict[str, Any] = dict(data.sizes)
        agent = EpisodicAgent(
            **sizes,
            capacity=data.task.contexts if self.kind == "stack" else data.task.episodes,
            memory=KINDS[self.kind],
            key_source=self.key_source,
            stored_states="first" if every_step else "last",
            cue_input=every_step,
        )
        return agent.to(self.setting.device), data

    def _train(self, agent: EpisodicAgent, data: BarcodeBanditDataModule, watch: "Stopwatch") -> float:
        """Seconds for all blocks but the first, which warms up."""
        adam, begun = optimizer(agent.parameters()), 0.0
        for index in range(self.blocks + 1):
            if index == 1:
                watch.clear()
                begun = self.setting.now()
            spec = self._draw(data, index)
            for trajectory in play_episodes(data.task, agent.network, agent.memory, spec, keys=agent.keys):
                loss = agent.loss(trajectory, 0.05)
                adam.zero_grad()
                loss.total.backward()
                torch.nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
                adam.step()
        return self.setting.now() - begun

    def _draw(self, data: BarcodeBanditDataModule, index: int) -> BlockSpec:
        spec = data.task.draw_block(data.environments, block_seed(0, "train", 0, index))
        tensors: dict[str, Any] = {name: part for name, part in spec._asdict().items() if isinstance(part, Tensor)}
        return spec._replace(**{name: part.to(self.setting.device) for name, part in tensors.items()})


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
        f"{source}_{kind}": Training(setting, blocks, exposures, source, kind)
        for source, kind in itertools.product(("context", "hidden"), KINDS)
    }
    results = take_turns(variants, setting.rounds)
    return {name: medians({key: [one[key] for one in each] for key in each[0]}) for name, each in results.items()}
