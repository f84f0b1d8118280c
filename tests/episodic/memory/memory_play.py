"""Random reads and writes of a memory and of its list oracle side by side."""

import random
from typing import Any

import torch
from torch import Tensor

from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.recall import Recall
from episodic.memory.stack_memory import StackMemory
from episodic.memory.weights import Neighbours
from tests.episodic.memory.memory_oracle import ListMemory

CAPACITY, KEY, VALUE, BATCH = 5, 6, 3, 4
THRESHOLDS = {"cosine": 0.55, "l2": -1.6, "l1": -2.6}  # between the similarities that barcodes can have
SLACKS = {"cosine": 0.13, "l2": 0.29, "l1": 0.53}  # likewise, no difference of theirs
MATCHES = {"cosine": 0.45, "l2": -1.23, "l1": -1.37}  # likewise; some keys that differ share a stack

#: Options that `StackMemory` takes as one `Neighbours`.
MIXING = ("weighting", "temperature", "learned_query")


class Keys:
    """Keys that come back, and with `barcodes` keys that are different but equally similar."""

    def __init__(self, source: random.Random, *, barcodes: bool) -> None:
        self.source = source
        self.pool = [self._binary() if barcodes else self._gaussian() for _ in range(7)]

    def _binary(self) -> list[float]:
        return [float(self.source.random() < 0.5) for _ in range(KEY)]

    def _gaussian(self) -> list[float]:
        return [self.source.gauss(0.0, 1.0) for _ in range(KEY)]

    def draw(self) -> Tensor:
        return torch.tensor([self.source.choice(self.pool) for _ in range(BATCH)])


def values(source: random.Random) -> Tensor:
    return torch.tensor([[source.gauss(0.0, 1.0) for _ in range(VALUE)] for _ in range(BATCH)])


def labels(source: random.Random, count: int = 8) -> Tensor:
    return torch.tensor([source.randrange(count) for _ in range(BATCH)])


def returns(source: random.Random) -> Tensor:
    return torch.tensor([source.choice([-1.0, -0.5, 0.0, 2.0]) for _ in range(BATCH)])


def build(
    kind: type[NearestMemory] = EpisodicMemory, device: str = "cpu", batch: int = BATCH, **options: Any
) -> NearestMemory:
    """A small memory of that class; the options are flat, as the oracle's are."""
    if kind is StackMemory:
        mixing = {name: options.pop(name) for name in MIXING if name in options}
        options["neighbours"] = Neighbours(options.get("neighbours", 1), **mixing)
    memory: NearestMemory = kind(CAPACITY, KEY, VALUE, **options).to(device)
    memory.reset(batch)
    return memory


def build_lists(kind: type[NearestMemory] = EpisodicMemory, **options: Any) -> list[ListMemory]:
    """The oracle of each environment."""
    organisation = "append" if kind is EpisodicMemory else "stack"
    return [ListMemory(CAPACITY, VALUE, organisation=organisation, **options) for _ in range(BATCH)]


def fill(memory: NearestMemory, writes: int, seed: int = 0) -> None:
    """Write random memories, and read after each."""
    source = random.Random(seed)
    keys = Keys(source, barcodes=False)
    for _ in range(writes):
        parts = (keys.draw(), values(source), labels(source), returns(source))
        memory.write(*(part.to(memory.keys.device) for part in parts))
        memory.read(keys.draw().to(memory.keys.device))


def play(memory: NearestMemory, lists: list[ListMemory], seed: str, barcodes: bool, labelled: bool = True) -> None:
    """Read, write and sometimes forget, at random, and compare all along."""
    source = random.Random(seed)
    keys = Keys(source, barcodes=barcodes)
    _read(memory, lists, keys.draw())
    for _ in range(60):
        operation = source.random()
        if operation < 0.03:
            memory.reset(BATCH)
            for slow in lists:
                slow.reset()
        elif operation < 0.5:
            _write(memory, lists, source, keys, labelled)
        else:
            _read(memory, lists, keys.draw())
    _assert_contents(memory, lists)


def _write(
    memory: NearestMemory, lists: list[ListMemory], source: random.Random, keys: Keys, labelled: bool = True
) -> None:
    device = memory.keys.device
    key, value, label, earned = keys.draw(), values(source), labels(source), returns(source)
    memory.write(key.to(device), value.to(device), label.to(device) if labelled else None, earned.to(device))
    for row, slow in enumerate(lists):
        own = int(label[row]) if labelled else None
        slow.write(key[row].tolist(), value[row].tolist(), own, float(earned[row]))


def _read(memory: NearestMemory, lists: list[ListMemory], query: Tensor) -> None:
    recall = Recall(*(part.cpu() for part in memory.read(query.to(memory.keys.device))))
    expected = [slow.read(query[row].tolist()) for row, slow in enumerate(lists)]
    assert recall.slot.tolist() == [one.slot for one in expected]
    assert recall.label.tolist() == [one.label for one in expected]
    # Under cosine the last bits of a similarity of nearly 1 are a good part of the 0.001 in 1 / (d^2 + 0.001).
    atol = 5e-4 if (memory.weighting, memory.kernel) == ("inverse_distance", "cosine") else 1e-5
    torch.testing.assert_close(recall.value, torch.tensor([one.value for one in expected]), atol=atol, rtol=1e-5)
    similarity = torch.tensor([one.similarity for one in expected])
    torch.testing.assert_close(recall.similarity, similarity, atol=1e-5, rtol=1e-5)


def _assert_contents(memory: NearestMemory, lists: list[ListMemory]) -> None:
    """Every slot of every environment holds what the lists hold; counts and returns only where a rule needs them."""
    assert memory.occupied.tolist() == [[slot in slow.slots for slot in range(CAPACITY)] for slow in lists]
    for row, slow in enumerate(lists):
        for slot, stored in slow.slots.items():
            assert memory.labels[row, slot] == stored.label
            torch.testing.assert_close(memory.keys[row, slot].cpu(), torch.tensor(slow.key(slot)), atol=1e-5, rtol=1e-5)
            value = torch.tensor(slow.value(slot))
            torch.testing.assert_close(memory.values[row, slot].cpu(), value, atol=1e-5, rtol=1e-5)
            if memory.stacks is not None:
                rules = {memory.stacks.rules.key_rule, memory.stacks.rules.value_rule}
                assert "mean" not in rules or memory.stacks.counts[row, slot] == len(stored.keys)
                assert "best_return" not in rules or memory.stacks.returns[row, slot] == max(stored.returns)


def assert_same_state(memory: torch.nn.Module, expected: torch.nn.Module) -> None:
    assert memory.state_dict().keys() == expected.state_dict().keys()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(tensor, memory.state_dict()[name]), name


def assert_same(one: Recall, other: Recall) -> None:
    for field, expected in zip(one, other, strict=True):
        torch.testing.assert_close(field, expected)
