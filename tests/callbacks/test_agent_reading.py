"""The arrays that are read from a memory and from statistics, against loops."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from callbacks.agent_reading import best_arms, memory_of, read_contents, read_counts, statistics_of
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.plots.memory import memory_contents
from episodic.plots.memory.memory_contents import UNKNOWN
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from tests.callbacks.stand_ins import agent_module
from tests.episodic.memory.memory_oracle import DEVICES

TASK = BarcodeBandit(arms=3, contexts=4, exposures=3, pulls=2, bits=5)
BATCH, HIDDEN = 3, 6


def filled(memory: Memory, device: str = "cpu", labels: Tensor | None = None) -> tuple[BlockSpec, Tensor, Tensor]:
    """Write a block's cues with random values; returns the block, the values `[E, B, V]` and recalled labels `[E, B]`.

    `labels` `[C]` rename the contexts.
    """
    spec = TASK.draw_block(BATCH, 0)
    if labels is not None:
        spec = spec._replace(labels=labels[spec.rules.contexts])
    values = torch.randn(spec.episodes, BATCH, HIDDEN, generator=torch.Generator().manual_seed(0))
    memory.to(device).reset(BATCH)
    recalled = []
    for e in range(spec.episodes):
        recalled.append(memory.read(spec.cues[e].to(device)).label.cpu())
        memory.write(spec.cues[e].to(device), values[e].to(device), spec.labels[e].to(device))
    return spec.to(device), values, torch.stack(recalled)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("kind", "capacity"), [(EpisodicMemory, 12), (EpisodicMemory, 5), (EpisodicMemory, 20), (StackMemory, 4)]
)
def test_contents_equal_a_loop_over_the_episodes(kind: Any, capacity: int, device: str) -> None:
    memory: Memory = kind(capacity, TASK.cue_size, HIDDEN)
    spec, values, _ = filled(memory, device, labels=torch.tensor([40, 7, 13, 2]))
    for environment in range(BATCH):
        kept = [(int(spec.labels[e, environment]), e) for e in range(spec.episodes)]
        kept = sorted(dict(kept).items()) if kind is StackMemory else sorted(kept[-capacity:])
        contents = read_contents(memory, spec, environment, "test")
        assert contents is not None
        assert contents.best_arms is not None
        assert contents.labels.tolist() == [label for label, _ in kept]
        for slot, (_, e) in enumerate(kept):
            assert contents.keys[slot].tolist() == spec.cues[e, environment].tolist()
            assert contents.values[slot].tolist() == values[e, environment].tolist()
            arms = spec.rules.probabilities[environment, spec.rules.contexts[e, environment]].tolist()
            assert int(contents.best_arms[slot]) == arms.index(max(arms))
        assert (contents.in_use, contents.capacity) == (len(kept), capacity)
        assert contents.keys.device.type == contents.best_arms.device.type == "cpu"


def test_best_arms_are_unknown_without_the_label_or_without_arms() -> None:
    spec = TASK.draw_block(BATCH, 0)
    arms = best_arms(torch.tensor([-1, 99]), spec, 0)
    assert arms is not None
    assert arms.tolist() == [UNKNOWN, UNKNOWN]
    assert best_arms(torch.tensor([0]), spec._replace(rules=None), 0) is None
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    filled(memory)
    contents = read_contents(memory, spec._replace(rules=None), 0, "test")
    assert contents is not None
    assert contents.best_arms is None


@pytest.mark.parametrize("environment", [-1, BATCH])
def test_a_missing_environment_is_refused(environment: int) -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    spec, *_ = filled(memory)
    with pytest.raises(InputError, match=rf"^environment is {environment}: a test block has 3 environments, 0 to 2$"):
        read_contents(memory, spec, environment, "test")


def test_a_memory_without_environments_has_no_contents() -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    spec, *_ = filled(memory)
    memory.reset(0)
    assert read_contents(memory, spec, 0, "test") is None


def test_a_cleared_memory_is_empty() -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    memory.reset(BATCH)
    contents = read_contents(memory, TASK.draw_block(BATCH, 0), 0, "test")
    assert contents is not None
    assert (contents.keys.shape, contents.in_use) == ((0, TASK.cue_size), 0)


def test_some_of_very_many_slots_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    spec, *_ = filled(memory)
    everything = read_contents(memory, spec, 1, "test")
    monkeypatch.setattr(memory_contents, "SHOWN", 5)
    some = read_contents(memory, spec, 1, "test")
    assert everything is not None
    assert some is not None
    torch.testing.assert_close(some.values, everything.values[[0, 2, 4, 7, 9]])
    assert "12 of 12 slots in use (5 shown), 4 labels" in some.title
    assert "12 of 12 slots in use, 4 labels" in everything.title


@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_keys_are_read_at_the_scale_of_their_centres(kernel: str) -> None:
    memory = FuzzyMemory(12, TASK.cue_size, HIDDEN, clusters=2, kernel=kernel)
    spec, *_ = filled(memory)
    contents = read_contents(memory, spec, 2, "test")
    assert contents is not None
    assert contents.centres is not None
    torch.testing.assert_close(contents.centres, memory.centres[2])
    lengths = torch.ones(12) if kernel == "cosine" else spec.cues[:, 2].norm(dim=1).sort().values
    torch.testing.assert_close(contents.keys.norm(dim=1).sort().values, lengths)


@pytest.mark.parametrize("processes", [1, 2])
def test_reads_are_added_up_over_processes(processes: int) -> None:
    memory = EpisodicMemory(5, TASK.cue_size, HIDDEN, threshold=0.9)
    spec, _, recalled = filled(memory)
    statistics = EpisodeStatistics(TASK.exposures, TASK.steps, TASK.episodes)
    expected = torch.zeros(3, TASK.exposures, TASK.steps, dtype=torch.float64)
    for e in range(spec.episodes):
        label = recalled[e].expand(TASK.steps, -1)
        reads = (label, torch.full(label.shape, 0.95), torch.ones(TASK.steps, dtype=torch.bool))
        zeros = torch.zeros(TASK.steps, BATCH)
        occupied = torch.ones(BATCH, 5).cumsum(1) <= e + 1
        statistics.update(
            e, spec.exposures[e], zeros, {"regret": zeros}, labels=spec.labels[e], reads=reads, occupied=occupied
        )
        for b in range(BATCH):
            counted = torch.tensor([True, recalled[e, b] == spec.labels[e, b], recalled[e, b] < 0])
            expected[:, int(spec.exposures[e, b]) - 1] += counted.unsqueeze(1)
    if processes > 1:  # as if another process had counted the same
        statistics.distributed_available_fn = lambda: True
        statistics.dist_sync_fn = lambda state, group: [state] * processes
    counts = read_counts(statistics, memory)
    for counted, sums in zip((counts.recalls, counts.right, counts.missed), expected, strict=True):
        torch.testing.assert_close(counted, sums * processes)
    assert 0 < counts.right.sum() <= counts.recalls.sum() - counts.missed.sum()
    assert counts.slots.tolist() == [min(e + 1, 5) for e in range(TASK.episodes)]
    assert (counts.kernel, counts.threshold, counts.capacity) == ("cosine", 0.9, 5)
    right, wrong, nothing = (len(counts.similarity[name]) for name in ("right", "wrong", "nothing recalled"))
    assert (right, nothing) == (int(expected[1].sum()), int(expected[2].sum()))
    assert right + wrong + nothing == int(expected[0].sum())
    torch.testing.assert_close(statistics.recalls, expected[0])  # unchanged


@pytest.mark.parametrize(
    ("kernel", "threshold", "limit"),
    [("cosine", -1.0, None), ("cosine", 0.0, 0.0), ("l2", -1.0, -1.0), ("l2", None, None)],
)
def test_a_threshold_below_all_similarities_is_none(kernel: str, threshold: float | None, limit: float | None) -> None:
    memory = EpisodicMemory(5, 3, 2, kernel=kernel, threshold=threshold)
    assert read_counts(EpisodeStatistics(2, 2, 4), memory).threshold == limit


def test_modules_that_are_no_agents_have_neither_memory_nor_statistics() -> None:
    memory, statistics = EpisodicMemory(5, 3, 2), EpisodeStatistics(2, 2, 4)
    module = agent_module(statistics, memory)
    assert memory_of(module) is memory
    assert statistics_of(module, "test") is statistics
    other: Any = SimpleNamespace()
    assert memory_of(other) is None
    assert statistics_of(other, "test") is None
    assert memory_of(agent_module()) is None
