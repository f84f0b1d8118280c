"""Reads by the nearest keys, in both memories that read so."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.recall import Recall
from episodic.memory.stack_memory import StackMemory
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.memory.memory_play import (
    BATCH,
    CAPACITY,
    KEY,
    VALUE,
    Keys,
    assert_same,
    build,
    fill,
    labels,
    values,
)

KINDS = [EpisodicMemory, StackMemory]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threshold", [None, float("-inf"), -1.0])
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_memory_recalls_nothing(
    kind: type[NearestMemory], neighbours: int, threshold: float | None, device: str
) -> None:
    memory = build(kind, device, kernel="l2", neighbours=neighbours, threshold=threshold)
    recall = memory.read(torch.ones(BATCH, KEY, device=device))
    assert recall.value.tolist() == [[0.0] * VALUE] * BATCH
    assert recall.label.tolist() == recall.slot.tolist() == [-1] * BATCH
    assert recall.similarity.tolist() == [float("-inf")] * BATCH


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("kernel", ["cosine", "l2", "l1"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_query_with_a_nan_recalls_nothing(
    kind: type[NearestMemory], kernel: str, neighbours: int, device: str
) -> None:
    memory = build(kind, device, kernel=kernel, neighbours=neighbours)
    fill(memory, writes=4)
    query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(0)).to(device)
    whole = memory.read(query)
    query[1, 2] = float("nan")
    recall = memory.read(query)
    assert recall.value[1].tolist() == [0.0] * VALUE
    assert recall.label[1].item() == recall.slot[1].item() == -1
    assert recall.similarity[1].isnan()
    rest = [0, 2, 3]
    assert_same(Recall(*(part[rest] for part in recall)), Recall(*(part[rest] for part in whole)))


def test_below_the_threshold_nothing_is_recalled_but_the_similarity() -> None:
    memory = build(threshold=0.9)
    memory.write(torch.eye(KEY)[:BATCH], torch.ones(BATCH, VALUE), torch.arange(BATCH))
    query = torch.eye(KEY)[:BATCH]
    query[1:, 5] = 1.0  # 45 degrees away
    recall = memory.read(query)
    assert recall.label.tolist() == [0, -1, -1, -1]
    assert recall.slot.tolist() == [0, -1, -1, -1]
    assert recall.value.sum(1).tolist() == [VALUE, 0.0, 0.0, 0.0]
    torch.testing.assert_close(recall.similarity, torch.tensor([1.0] + [0.5**0.5] * 3))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("kernel", "highest"), [("cosine", 1.0), ("l2", 0.0), ("l1", 0.0)])
def test_the_highest_threshold_recalls_the_identical_key(kernel: str, highest: float, device: str) -> None:
    # One environment for each barcode: their lengths round differently.
    codes = torch.arange(1, 2**KEY)
    keys = ((codes.unsqueeze(1) >> torch.arange(KEY)) & 1).float().to(device)
    memory = build(EpisodicMemory, device, len(codes), kernel=kernel, threshold=highest)
    memory.write(keys, torch.ones(len(codes), VALUE, device=device), codes.to(device))
    assert memory.read(keys).label.tolist() == codes.tolist()
    assert memory.read(keys.roll(1, dims=0)).label.tolist() == [-1] * len(codes)


def turned(degrees: float) -> Tensor:
    """Keys `[BATCH, KEY]` at an angle to the first axis."""
    angle = torch.tensor(degrees).deg2rad()
    return torch.nn.functional.pad(torch.stack([angle.cos(), angle.sin()]), (0, KEY - 2)).expand(BATCH, KEY)


def remember(memory: NearestMemory, *angles: float) -> None:
    """One key at each angle, labelled by its index."""
    for label, degrees in enumerate(angles):
        memory.write(turned(degrees), torch.full((BATCH, VALUE), float(label)), torch.full((BATCH,), label))


@pytest.mark.parametrize(("slack", "label"), [(0.0, 0), (0.01, 0), (0.05, 1), (0.2, 2)])
def test_the_newest_key_within_the_slack_is_recalled(slack: float, label: int) -> None:
    memory = build(slack=slack)
    remember(memory, 0, 15, 35, 90)  # cosines 1, 0.966, 0.819, 0
    recall = memory.read(turned(0))
    assert recall.label.tolist() == recall.slot.tolist() == [label] * BATCH
    assert recall.value.tolist() == [[float(label)] * VALUE] * BATCH
    torch.testing.assert_close(recall.similarity, torch.ones(BATCH))


def test_the_threshold_applies_to_the_nearest_key_not_to_the_recalled_one() -> None:
    memory = build(slack=0.2, threshold=0.95)
    remember(memory, 0, 35)
    assert memory.read(turned(0)).label.tolist() == [1] * BATCH  # 0.819 by itself would not pass
    recall = memory.read(turned(-20))
    assert recall.label.tolist() == recall.slot.tolist() == [-1] * BATCH
    assert not recall.value.any()
    torch.testing.assert_close(recall.similarity, torch.tensor(20.0).deg2rad().cos().expand(BATCH))


@pytest.mark.parametrize("kind", KINDS)
def test_without_slack_a_similarity_is_that_of_its_slot_to_the_bit(
    kind: type[NearestMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPISODIC_NATIVE", "0")  # both sums in one order
    memory = build(kind, slack=0.0)
    for seed in range(4):
        fill(memory, writes=4, seed=seed)
        query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(seed))
        similarity = memory.similarity(query)
        recall = memory.read(query)
        assert torch.equal(recall.similarity, similarity.gather(1, recall.slot.unsqueeze(1)).squeeze(1))


def test_fewer_stored_than_neighbours_share_the_weight() -> None:
    memory = build(batch=1, neighbours=4)
    memory.write(torch.eye(KEY)[:1], torch.full((1, VALUE), 1.0), torch.tensor([0]))
    memory.write(torch.eye(KEY)[1:2], torch.full((1, VALUE), 3.0), torch.tensor([1]))
    query = torch.eye(KEY)[:1] + torch.eye(KEY)[1:2]
    torch.testing.assert_close(memory.read(query).value, torch.full((1, VALUE), 2.0))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_independent(kind: type[NearestMemory], device: str) -> None:
    memories = [build(kind, device, neighbours=2) for _ in range(2)]
    source = random.Random(0)
    keys = Keys(source, barcodes=False)
    for _ in range(12):
        parts = [part.to(device) for part in (keys.draw(), values(source), labels(source))]
        memories[0].write(*parts)
        for part, foreign in zip(parts, (9.0, -9.0, 77), strict=True):
            part[1] = foreign
        memories[1].write(*parts)
        query = keys.draw().to(device)
        one, other = (memory.read(query) for memory in memories)
        rest = [0, 2, 3]
        assert_same(Recall(*(part[rest] for part in one)), Recall(*(part[rest] for part in other)))
        assert not torch.equal(one.value[1], other.value[1])


@pytest.mark.parametrize("kernel", ["cosine", "l2", "l1"])
def test_several_neighbours_pass_the_gradient_on_to_the_query(kernel: str) -> None:
    memory = build(kernel=kernel, neighbours=3).double()
    generator = torch.Generator().manual_seed(0)
    for label in range(CAPACITY):
        key, value = (torch.randn(BATCH, size, generator=generator).double() for size in (KEY, VALUE))
        memory.write(key, value, torch.full((BATCH,), label))
    query = torch.randn(BATCH, KEY, generator=generator).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda at: memory.read(at).value, query)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("capacity", {"capacity": 0}),
        ("capacity", {"capacity": -3}),
        ("key_size", {"key_size": 0}),
        ("value_size", {"value_size": 0}),
        ("neighbours", {"neighbours": 0}),
        ("neighbours", {"neighbours": CAPACITY + 1}),
        ("kernel", {"kernel": "euclidean"}),
        ("weighting", {"weighting": "uniform"}),
        ("slack", {"slack": -0.1}),
        ("slack", {"slack": float("nan")}),
        ("slack", {"slack": 0.1, "neighbours": 2}),
        ("temperature", {"temperature": 0.0}),
        ("temperature", {"temperature": -1.0}),
        ("temperature", {"temperature": float("nan")}),
        ("learned_query", {"learned_query": True}),
        ("threshold", {"threshold": 1.5}),
        ("threshold", {"threshold": -1.5}),
        ("threshold", {"threshold": float("nan")}),
        ("threshold", {"threshold": 0.1, "kernel": "l2"}),
        ("threshold", {"threshold": 0.1, "kernel": "l1"}),
    ],
)
def test_bad_options_are_named(name: str, arguments: dict[str, Any]) -> None:
    sizes = {"capacity": CAPACITY, "key_size": KEY, "value_size": VALUE}
    with pytest.raises(InputError, match=rf"^{name} is [^\n]+$"):
        EpisodicMemory(**{**sizes, **arguments})


@pytest.mark.parametrize(("kernel", "threshold"), [("cosine", -1.0), ("cosine", 1.0), ("l2", 0.0), ("l1", -1e6)])
def test_limits_within_the_range_are_taken(kernel: str, threshold: float) -> None:
    memory = build(StackMemory, kernel=kernel, threshold=threshold, match_above=threshold)
    assert isinstance(memory, StackMemory)
    assert memory.threshold == memory.match_above == threshold
