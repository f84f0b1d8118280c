"""What the episodic memory costs: beside a memory of Python lists, beside the bare search, and in training.

    python benchmarks/memory.py [--environments 64] [--threads 1] [--rounds 5] [--slots 100 1000 10000 100000]
        [--device cpu] [--blocks 2] [--exposures 10] [--seconds 0.1]

Prints one JSON object:

- `read_and_write`: microseconds of one step, a read and a write in each environment, with all slots full.
- `training`: the share of a training step that is spent inside the memory.
- `fuzzy_c_means`: milliseconds and mean iterations of one clustering, beside scikit-fuzzy where that is installed.
- `fuzzy_memory`: microseconds of a read and a write, beside the memory that only appends.

The variants take turns, so that a machine that slows down or speeds up meanwhile does so for all of them; figures
are medians over the rounds, ratios medians of the ratios within a round.
"""

import argparse
import gc
import importlib
import importlib.util
import itertools
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.throughput import optimizer, ratio
from datamodules.blocks import BlockDataModule
from episodic.agents.rollout import play_episodes
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy_c_means import fuzzy_c_means
from episodic.memory.fuzzy_memory import FuzzyMemory
from episodic.memory.kernels import inverse_norms
from episodic.tasks.barcode_noise import flip_bits
from episodic.tasks.barcodes import distinct_barcodes
from episodic.tasks.blocks import BlockSpec, block_seed, seeded
from launcher.main import quieten
from lightning_modules.episodic_agent import EpisodicAgent

KEY_SIZES = (10, 50)
VALUE_SIZE = 50
#: Lists hold at most so many memories, all environments together: with more slots fewer environments are measured.
LISTED = 100_000
#: Different steps that are gone through again and again.
DRAWN = 16
#: Copies of each of ten noisy barcodes, and the share of their bits that is flipped: the points of the clustering.
CODES, COPIES, NOISE = 10, 10, 0.2
FUZZINESS = (2.0, 1.2)
#: Methods of a memory that training calls.
METHODS = ("read", "write", "reset")

Found = TypeVar("Found")


@dataclass(frozen=True)
class Setting:
    """What all measurements share; `seconds` is the least time that a variant is measured for in a round."""

    environments: int
    device: torch.device
    rounds: int
    seconds: float

    def now(self) -> float:
        """The time, once the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Step(NamedTuple):
    """What is searched for and what is stored in one step."""

    query: Tensor  # [B, K]
    key: Tensor  # [B, K]
    value: Tensor  # [B, V]
    label: Tensor  # [B] long


class Repeated:
    """One variant; calling it gives the microseconds of one step, the mean over as many as fill the setting's time."""

    def __init__(self, step: Callable[[], object], setting: Setting, scale: float = 1.0) -> None:
        self.step, self.setting, self.scale, self.steps = step, setting, scale, 1
        self._elapsed()  # the first step warms up, the second says how many there may be
        self.steps = max(1, math.ceil(setting.seconds / self._elapsed()))

    def __call__(self) -> float:
        return self._elapsed() / self.steps * self.scale * 1e6

    def _elapsed(self) -> float:
        begun = self.setting.now()
        for _ in range(self.steps):
            self.step()
        return self.setting.now() - begun


def take_turns(variants: dict[str, Callable[[], Found]], rounds: int) -> dict[str, list[Found]]:
    """What every variant gave in every round."""
    found: dict[str, list[Found]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            found[name].append(variant())
    return found


def medians(found: dict[str, list[float]], unit: float = 1.0) -> dict[str, float]:
    """Medians over the rounds, in multiples of `unit`."""
    return {name: round(statistics.median(figures) / unit, 3) for name, figures in found.items()}


# Reading and writing.


class ListMemory:
    """The memory as it is mostly written: a list of key, value and label for each environment, searched one by one."""

    def __init__(self, capacity: int, entries: list[list[tuple[Tensor, Tensor, int]]]) -> None:
        self.capacity, self.entries = capacity, entries

    @classmethod
    def copied_from(cls, memory: EpisodicMemory, environments: int) -> "ListMemory":
        """What the first environments of a full memory hold."""
        keys, values, labels = memory.keys, memory.values, memory.labels.tolist()
        held = [
            [(k.clone(), v.clone(), label) for k, v, label in zip(keys[b], values[b], labels[b], strict=True)]
            for b in range(environments)
        ]
        return cls(memory.capacity, held)

    def read(self, query: Tensor) -> Tensor:
        """Values `[B, V]` of the nearest keys."""
        values = []
        for environment, entries in enumerate(self.entries):
            keys = torch.stack([key for key, _, _ in entries])
            nearest = torch.cosine_similarity(query[environment : environment + 1], keys).argmax()
            values.append(entries[int(nearest)][1])
        return torch.stack(values)

    def write(self, key: Tensor, value: Tensor, label: Tensor) -> None:
        """One more memory in each environment; the oldest goes."""
        for environment, entries in enumerate(self.entries):
            if len(entries) == self.capacity:
                entries.pop(0)
            entries.append((key[environment], value[environment], int(label[environment])))


class BareSearch:
    """The least that an exact search can do, on the memory's own keys, which have unit length."""

    def __init__(self, memory: EpisodicMemory) -> None:
        self.keys, self.values = memory.keys, memory.values.view(-1, memory.value_size)
        self.first = torch.arange(memory.batch_size, device=memory.keys.device) * memory.capacity

    def products(self, query: Tensor) -> Tensor:
        return torch.bmm(query.unsqueeze(1), self.keys.transpose(1, 2)).squeeze(1)

    def topk(self, query: Tensor) -> Tensor:
        """Values `[B, V]` of the nearest keys."""
        slot = self.products(query).topk(1).indices.squeeze(1)
        return self.values.index_select(0, self.first + slot)

    def amax(self, query: Tensor) -> Tensor:
        """How similar the nearest keys are, `[B]`, and not which they are: less than any search does."""
        return self.products(query).amax(dim=1)


def unit(*shape: int, device: torch.device) -> Tensor:
    """Random directions."""
    return torch.nn.functional.normalize(torch.randn(*shape, device=device), dim=-1)


def draw_steps(setting: Setting, slots: int, key_size: int) -> list[Step]:
    """Random steps in a memory whose slots hold the labels 0 to N - 1."""
    batch, device = setting.environments, setting.device
    return [
        Step(
            unit(batch, key_size, device=device),
            unit(batch, key_size, device=device),
            torch.randn(batch, VALUE_SIZE, device=device),
            torch.randint(slots, (batch,), device=device),
        )
        for _ in range(DRAWN)
    ]


def full_memory(setting: Setting, slots: int, key_size: int, organisation: str) -> EpisodicMemory:
    """A memory as N writes of random unit keys with the labels 0 to N - 1 leave it, but all at once."""
    memory = EpisodicMemory(slots, key_size, VALUE_SIZE, organisation=organisation).to(setting.device)
    memory.reset(setting.environments)
    memory.keys.normal_()
    memory.keys.div_(torch.linalg.vector_norm(memory.keys, dim=-1, keepdim=True))
    memory.key_scales.copy_(inverse_norms(memory.keys))
    memory.vacancy.zero_()
    memory.values.normal_()
    memory.labels.copy_(torch.arange(slots))
    memory.written.copy_(memory.labels + 1)
    memory.clock.fill_(slots)
    if organisation == "stack":
        memory.used.copy_(memory.written)
        memory.uses.fill_(slots)
    return memory


def reading_and_writing(memory: EpisodicMemory | ListMemory, steps: Iterable[Step]) -> Callable[[], None]:
    """One read and one write; the next step at the next call."""
    turns = itertools.cycle(steps)

    def step() -> None:
        query, key, value, label = next(turns)
        memory.read(query)
        memory.write(key, value, label)

    return step


def searching(search: Callable[[Tensor], Tensor], steps: Iterable[Step]) -> Callable[[], Tensor]:
    """One search; the next step's at the next call."""
    queries = itertools.cycle([step.query for step in steps])
    return lambda: search(next(queries))


def measure_size(setting: Setting, slots: int, key_size: int) -> dict[str, Any]:
    """Microseconds of one step with the given number of slots and length of a key, and their ratios."""
    append, stack = (full_memory(setting, slots, key_size, name) for name in ("append", "stack"))
    listed = max(1, min(setting.environments, LISTED // slots))
    plain, bare = ListMemory.copied_from(append, listed), BareSearch(append)
    steps = draw_steps(setting, slots, key_size)
    same = same_values(append, plain, bare, steps[0])
    variants: dict[str, Callable[[], float]] = {
        "append": Repeated(reading_and_writing(append, steps), setting),
        "stack": Repeated(reading_and_writing(stack, steps), setting),
        "list": Repeated(reading_and_writing(plain, steps), setting, scale=setting.environments / listed),
        "bare_topk": Repeated(searching(bare.topk, steps), setting),
        "bare_amax": Repeated(searching(bare.amax, steps), setting),
    }
    found = take_turns(variants, setting.rounds)
    return {
        "slots": slots,
        "key_size": key_size,
        "microseconds": medians(found),
        "list_measured_environments": listed,
        "list_over_append": ratio(found, "list", "append"),
        "list_over_stack": ratio(found, "list", "stack"),
        "append_over_bare_topk": ratio(found, "append", "bare_topk"),
        "append_over_bare_amax": ratio(found, "append", "bare_amax"),
        "stack_over_bare_topk": ratio(found, "stack", "bare_topk"),
        "same_values": same,
    }


def same_values(append: EpisodicMemory, plain: ListMemory, bare: BareSearch, step: Step) -> float:
    """Share of the environments in which all recall one value, before a write and of the key just written.

    Where it is not 1 they do not do the same work.
    """
    before = agreement(append, plain, bare, step.query)
    for memory in (append, plain):
        memory.write(step.key, step.value, step.label)
    return float((before & agreement(append, plain, bare, step.key)).float().mean())


def agreement(append: EpisodicMemory, plain: ListMemory, bare: BareSearch, query: Tensor) -> Tensor:
    """`[B]` bool: all recall one value, the list where it has the environment."""
    value, listed = append.read(query).value, plain.read(query)
    same: Tensor = (value == bare.topk(query)).all(dim=1)
    same[: len(listed)] &= (value[: len(listed)] == listed).all(dim=1)
    return same


def measure_sizes(setting: Setting, sizes: Iterable[int]) -> list[dict[str, Any]]:
    """All sizes, one after the other, so that no two of them need room at once."""
    found = []
    for slots, key_size in itertools.product(sizes, KEY_SIZES):
        found.append(measure_size(setting, slots, key_size))
        gc.collect()
    return found


# Training.


@dataclass(frozen=True)
class Training:
    """One variant; calling it trains, and gives the memory's share and the microseconds of a call of its methods."""

    setting: Setting
    blocks: int
    exposures: int
    key_source: str
    organisation: str

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

    def _build(self) -> tuple[EpisodicAgent, BlockDataModule]:
        """An agent and its data, from the paper's numbers; stacks have one slot for each context."""
        data = BlockDataModule(environments=self.setting.environments, exposures=self.exposures)
        every_step = self.key_source == "hidden"
        torch.manual_seed(0)
        sizes: dict[str, Any] = dict(data.sizes)
        agent = EpisodicAgent(
            **sizes,
            capacity=data.task.contexts if self.organisation == "stack" else data.task.episodes,
            memory=lambda *sizes: EpisodicMemory(*sizes, organisation=self.organisation),
            key_source=self.key_source,
            stored_states="first" if every_step else "last",
            cue_input=every_step,
        )
        return agent.to(self.setting.device), data

    def _train(self, agent: EpisodicAgent, data: BlockDataModule, watch: "Stopwatch") -> float:
        """Seconds that all blocks but the first take, which warms up."""
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

    def _draw(self, data: BlockDataModule, index: int) -> BlockSpec:
        spec = data.task.draw_block(data.environments, block_seed(0, "train", 0, index))
        tensors: dict[str, Any] = {name: part for name, part in spec._asdict().items() if isinstance(part, Tensor)}
        return spec._replace(**{name: part.to(self.setting.device) for name, part in tensors.items()})


@dataclass
class Stopwatch:
    """The time that passes inside a memory's methods; on a CUDA device each call is waited for."""

    memory: EpisodicMemory
    setting: Setting
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in METHODS:
            setattr(self.memory, name, self._timed(name, getattr(self.memory, name)))
        self.clear()

    def clear(self) -> None:
        """Back to nothing."""
        self.seconds, self.calls = dict.fromkeys(METHODS, 0.0), dict.fromkeys(METHODS, 0)

    def _timed(self, name: str, method: Callable[..., Found]) -> Callable[..., Found]:
        def timed(*arguments: Any, **options: Any) -> Found:
            begun = self.setting.now()
            answer = method(*arguments, **options)
            self.seconds[name] += self.setting.now() - begun
            self.calls[name] += 1
            return answer

        return timed


def measure_training(setting: Setting, blocks: int, exposures: int) -> dict[str, dict[str, float]]:
    """Medians of what each variant of training gave."""
    variants: dict[str, Callable[[], dict[str, float]]] = {
        f"{source}_{organisation}": Training(setting, blocks, exposures, source, organisation)
        for source, organisation in itertools.product(("context", "hidden"), ("append", "stack"))
    }
    found = take_turns(variants, setting.rounds)
    return {name: medians({key: [one[key] for one in each] for key in each[0]}) for name, each in found.items()}


# Fuzzy clustering.


def noisy_barcodes(setting: Setting) -> Tensor:
    """Points `[B, 100, 10]`: barcodes, a fifth of their bits flipped."""
    generator = seeded(0, 0)
    codes = distinct_barcodes(setting.environments, CODES, KEY_SIZES[0], generator).repeat(1, COPIES, 1)
    return flip_bits(codes, NOISE, "random", generator).to(setting.device)


def scikit_fuzzy(points: Tensor, fuzziness: float) -> float:
    """Mean iterations of scikit-fuzzy, which clusters one environment after the other."""
    cmeans = importlib.import_module("skfuzzy.cluster").cmeans
    with np.errstate(all="ignore"):  # it divides by sums that underflow when the fuzziness is small
        iterations = [cmeans(cloud.T, CODES, fuzziness, 1e-4, 100, seed=0)[5] for cloud in points.double().numpy()]
    return float(np.mean(iterations))


def measure_clustering(setting: Setting, fuzziness: float) -> dict[str, Any]:
    """Milliseconds and mean iterations of clustering each environment's points into ten."""
    points = noisy_barcodes(setting)
    on_cpu = points.cpu()
    variants: dict[str, Callable[[], float]] = {
        "batched": Repeated(lambda: fuzzy_c_means(points, CODES, fuzziness), setting)
    }
    iterations: dict[str, float | None] = {
        "batched": round(float(fuzzy_c_means(points, CODES, fuzziness).iterations.float().mean()), 1)
    }
    installed = importlib.util.find_spec("skfuzzy") is not None
    if installed:
        variants["scikit_fuzzy"] = Repeated(lambda: scikit_fuzzy(on_cpu, fuzziness), setting)
        iterations["scikit_fuzzy"] = round(scikit_fuzzy(on_cpu, fuzziness), 1)
    found = take_turns(variants, setting.rounds)
    missing = {"scikit_fuzzy": None}
    return {
        "fuzziness": fuzziness,
        "milliseconds": missing | medians(found, unit=1e3),
        "iterations": missing | iterations,
        "scikit_fuzzy_over_batched": ratio(found, "scikit_fuzzy", "batched") if installed else None,
    }


def measure_fuzzy_memory(setting: Setting) -> dict[str, Any]:
    """Microseconds of a read and a write of noisy barcodes in a full memory of 100 slots: once an episode."""
    slots, key_size = CODES * COPIES, KEY_SIZES[0]
    memories = {"append": EpisodicMemory(slots, key_size, VALUE_SIZE)}
    for fuzziness in FUZZINESS:
        memories[f"fuzzy_{fuzziness:g}"] = FuzzyMemory(slots, key_size, VALUE_SIZE, clusters=CODES, fuzziness=fuzziness)
    steps = barcode_steps(setting)
    variants: dict[str, Callable[[], float]] = {}
    for name, memory in memories.items():
        memory.to(setting.device).reset(setting.environments)
        for step in steps:
            memory.write(step.key, step.value, step.label)
        variants[name] = Repeated(reading_and_writing(memory, steps), setting)
    found = take_turns(variants, setting.rounds)
    over = {f"{name}_over_append": ratio(found, name, "append") for name in memories if name != "append"}
    return {"slots": slots, "key_size": key_size, "microseconds": medians(found), **over}


def barcode_steps(setting: Setting) -> list[Step]:
    """As many steps as there are points: each is searched for and stored, under its code's number."""
    points, batch = noisy_barcodes(setting).unbind(dim=1), setting.environments
    return [
        Step(
            point,
            point,
            torch.randn(batch, VALUE_SIZE, device=setting.device),
            torch.full((batch,), number % CODES, device=setting.device),
        )
        for number, point in enumerate(points)
    ]


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--environments", type=positive, default=64)
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--slots", type=positive, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--device", type=device, default="cpu")
    parser.add_argument("--blocks", type=positive, default=2, help="blocks of training that are measured in a round")
    parser.add_argument("--exposures", type=positive, default=10, help="of each context in a block of training")
    parser.add_argument("--seconds", type=float, default=0.1, help="least time of a variant in a round")
    return parser.parse_args()


def positive(text: str) -> int:
    """A number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} has to be a whole number from 1 up")
    return int(text)


def device(text: str) -> torch.device:
    """A device that is there."""
    if text not in (("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)):
        raise argparse.ArgumentTypeError(f"{text} is not here: it has to be cpu, or cuda where there is a CUDA device")
    return torch.device(text)


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    quieten()
    setting = Setting(arguments.environments, arguments.device, arguments.rounds, arguments.seconds)
    on_cuda = setting.device.type == "cuda"
    result = {
        "environments": setting.environments,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "device": torch.cuda.get_device_name(setting.device) if on_cuda else "cpu",
        "read_and_write": measure_sizes(setting, arguments.slots),
        "training": measure_training(setting, arguments.blocks, arguments.exposures),
        "fuzzy_c_means": [measure_clustering(setting, fuzziness) for fuzziness in FUZZINESS],
        "fuzzy_memory": measure_fuzzy_memory(setting),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
