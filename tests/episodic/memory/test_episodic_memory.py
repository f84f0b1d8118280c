"""The episodic memory against lists, one environment at a time."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory, Recall
from episodic.memory.updates import UPDATES
from episodic.memory.weights import WEIGHTINGS
from tests.episodic.memory.memory_oracle import DEVICES, ListMemory

CAPACITY, KEY, VALUE, BATCH = 5, 6, 3, 4
THRESHOLDS = {"cosine": 0.55, "l2": -1.6, "l1": -2.6}  # between the similarities that barcodes can have
SLACKS = {"cosine": 0.13, "l2": 0.29, "l1": 0.53}  # likewise, no difference of theirs
MATCHES = {"cosine": 0.45, "l2": -1.23, "l1": -1.37}  # likewise; some keys that differ share a stack

#: What the random operations are tried with: all pairs of entries of two different lines that can go together.
AXES: dict[str, Sequence[Any]] = {
    "rules": tuple(itertools.product(UPDATES, UPDATES)),
    "stacks": ("append", "by label", "by key", "by key, without labels"),
    "kernel": ("cosine", "l2", "l1"),
    "weighting": WEIGHTINGS,
    "temperature": (1.0, 0.25),
    "neighbours": (1, 3),
    "thresholded": (False, True),
    "barcodes": (False, True),
}


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


def write(
    memory: EpisodicMemory, lists: list[ListMemory], source: random.Random, keys: Keys, labelled: bool = True
) -> None:
    device = memory.keys.device
    key, value, label, earned = keys.draw(), values(source), labels(source), returns(source)
    memory.write(key.to(device), value.to(device), label.to(device) if labelled else None, earned.to(device))
    for row, slow in enumerate(lists):
        own = int(label[row]) if labelled else None
        slow.write(key[row].tolist(), value[row].tolist(), own, float(earned[row]))


def read(memory: EpisodicMemory, lists: list[ListMemory], query: Tensor) -> None:
    recall = Recall(*(part.cpu() for part in memory.read(query.to(memory.keys.device))))
    found = [slow.read(query[row].tolist()) for row, slow in enumerate(lists)]
    assert recall.slot.tolist() == [one.slot for one in found]
    assert recall.label.tolist() == [one.label for one in found]
    # Under cosine the last bits of a similarity of nearly 1 are a good part of the 0.001 in 1 / (d^2 + 0.001).
    atol = 5e-4 if (memory.weighting, memory.kernel) == ("inverse_distance", "cosine") else 1e-5
    torch.testing.assert_close(recall.value, torch.tensor([one.value for one in found]), atol=atol, rtol=1e-5)
    expected = torch.tensor([one.similarity for one in found])
    torch.testing.assert_close(recall.similarity, expected, atol=1e-5, rtol=1e-5)


def assert_contents(memory: EpisodicMemory, lists: list[ListMemory]) -> None:
    """Every slot of every environment holds what the lists say, and counts and returns where a rule needs them."""
    assert memory.occupied.tolist() == [[slot in slow.slots for slot in range(CAPACITY)] for slow in lists]
    rules = {memory.key_update, memory.value_update}
    for row, slow in enumerate(lists):
        for slot, stored in slow.slots.items():
            assert memory.labels[row, slot] == stored.label
            torch.testing.assert_close(memory.keys[row, slot].cpu(), torch.tensor(slow.key(slot)), atol=1e-5, rtol=1e-5)
            value = torch.tensor(slow.value(slot))
            torch.testing.assert_close(memory.values[row, slot].cpu(), value, atol=1e-5, rtol=1e-5)
            assert "mean" not in rules or memory.counts[row, slot] == len(stored.keys)
            assert "best_return" not in rules or memory.returns[row, slot] == max(stored.returns)


def play(memory: EpisodicMemory, lists: list[ListMemory], seed: str, barcodes: bool, labelled: bool = True) -> None:
    """Read, write and sometimes forget, at random, and compare all along."""
    source = random.Random(seed)
    keys = Keys(source, barcodes=barcodes)
    read(memory, lists, keys.draw())
    for _ in range(60):
        operation = source.random()
        if operation < 0.03:
            memory.reset(BATCH)
            for slow in lists:
                slow.reset()
        elif operation < 0.5:
            write(memory, lists, source, keys, labelled)
        else:
            read(memory, lists, keys.draw())
    assert_contents(memory, lists)


def possible(case: dict[str, Any]) -> bool:
    key_update, value_update = case["rules"]
    if case["stacks"] == "append" and not key_update == value_update == "latest":
        return False
    return bool(key_update != "average" or case["kernel"] == "cosine")


def covering_cases() -> list[dict[str, Any]]:
    """So many combinations that every pair of entries of two different axes that can go together is among them."""
    everything = [dict(zip(AXES, entries, strict=True)) for entries in itertools.product(*AXES.values())]
    random.Random(0).shuffle(everything)
    cases, covered = list[dict[str, Any]](), set[Any]()
    for case in filter(possible, everything):
        pairs = set(itertools.combinations(case.items(), 2))
        if not pairs <= covered:
            cases.append(case)
            covered |= pairs
    return cases


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    kernel, (key_update, value_update) = case["kernel"], case["rules"]
    by_key = case["stacks"].startswith("by key")
    return {
        "kernel": kernel,
        "organisation": "append" if case["stacks"] == "append" else "stack",
        "neighbours": case["neighbours"],
        "threshold": THRESHOLDS[kernel] if case["thresholded"] else None,
        "key_update": key_update,
        "value_update": value_update,
        "update_rate": 0.3,
        "match_above": MATCHES[kernel] if by_key else None,
        "weighting": case["weighting"],
        "temperature": case["temperature"],
    }


def name_of(case: dict[str, Any]) -> str:
    return "-".join(str(entry).replace("'", "").replace(" ", "") for entry in case.values())


def build(device: str = "cpu", batch: int = BATCH, **options: Any) -> EpisodicMemory:
    memory = EpisodicMemory(CAPACITY, KEY, VALUE, **options).to(device)
    memory.reset(batch)
    return memory


def fill(memory: EpisodicMemory, writes: int, seed: int = 0) -> None:
    source = random.Random(seed)
    keys = Keys(source, barcodes=False)
    for _ in range(writes):
        parts = (keys.draw(), values(source), labels(source), returns(source))
        memory.write(*(part.to(memory.keys.device) for part in parts))
        memory.read(keys.draw().to(memory.keys.device))


def assert_same_state(memory: EpisodicMemory, expected: EpisodicMemory) -> None:
    assert {"keys", "values", "counts", "returns"} <= memory.state_dict().keys()
    assert memory.state_dict().keys() == expected.state_dict().keys()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(tensor, memory.state_dict()[name]), name


def assert_same(one: Recall, other: Recall) -> None:
    for field, expected in zip(one, other, strict=True):
        torch.testing.assert_close(field, expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("barcodes", [False, True], ids=["gaussian", "barcodes"])
@pytest.mark.parametrize("thresholded", [False, True], ids=["any", "threshold"])
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("organisation", ["append", "stack"])
@pytest.mark.parametrize("kernel", ["cosine", "l2", "l1"])
def test_random_operations_equal_lists(
    kernel: str, organisation: str, neighbours: int, thresholded: bool, barcodes: bool, device: str
) -> None:
    threshold = THRESHOLDS[kernel] if thresholded else None
    memory = build(device, kernel=kernel, organisation=organisation, neighbours=neighbours, threshold=threshold)
    lists = [ListMemory(CAPACITY, VALUE, kernel, organisation, neighbours, threshold) for _ in range(BATCH)]
    play(memory, lists, f"{kernel} {organisation} {neighbours} {threshold} {barcodes}", barcodes)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("barcodes", [False, True], ids=["gaussian", "barcodes"])
@pytest.mark.parametrize("thresholded", [False, True], ids=["any", "threshold"])
@pytest.mark.parametrize("organisation", ["append", "stack", "by key"])
@pytest.mark.parametrize("kernel", ["cosine", "l2", "l1"])
def test_random_operations_with_slack_equal_lists(
    kernel: str, organisation: str, thresholded: bool, barcodes: bool, device: str
) -> None:
    options: dict[str, Any] = {
        "kernel": kernel,
        "organisation": "append" if organisation == "append" else "stack",
        "threshold": THRESHOLDS[kernel] if thresholded else None,
        "match_above": MATCHES[kernel] if organisation == "by key" else None,
        "slack": SLACKS[kernel],
    }
    memory, lists = build(device, **options), [ListMemory(CAPACITY, VALUE, **options) for _ in range(BATCH)]
    play(memory, lists, f"slack {kernel} {organisation} {thresholded} {barcodes}", barcodes)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", covering_cases(), ids=name_of)
def test_random_operations_under_every_rule_equal_lists(case: dict[str, Any], device: str) -> None:
    options = options_of(case)
    memory, lists = build(device, **options), [ListMemory(CAPACITY, VALUE, **options) for _ in range(BATCH)]
    play(memory, lists, name_of(case), case["barcodes"], labelled=case["stacks"] != "by key, without labels")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threshold", [None, float("-inf"), -1.0])
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("organisation", ["append", "stack"])
def test_empty_memory_recalls_nothing(organisation: str, neighbours: int, threshold: float | None, device: str) -> None:
    memory = build(device, kernel="l2", organisation=organisation, neighbours=neighbours, threshold=threshold)
    recall = memory.read(torch.ones(BATCH, KEY, device=device))
    assert recall.value.tolist() == [[0.0] * VALUE] * BATCH
    assert recall.label.tolist() == recall.slot.tolist() == [-1] * BATCH
    assert recall.similarity.tolist() == [float("-inf")] * BATCH


def test_what_is_below_the_threshold_is_not_recalled_but_its_similarity_is_told() -> None:
    memory = build(threshold=0.9)
    memory.write(torch.eye(KEY)[:BATCH], torch.ones(BATCH, VALUE), torch.arange(BATCH))
    query = torch.eye(KEY)[:BATCH]
    query[1:, 5] = 1.0  # 45 degrees away
    recall = memory.read(query)
    assert recall.label.tolist() == [0, -1, -1, -1]
    assert recall.slot.tolist() == [0, -1, -1, -1]
    assert recall.value.sum(1).tolist() == [VALUE, 0.0, 0.0, 0.0]
    torch.testing.assert_close(recall.similarity, torch.tensor([1.0] + [0.5**0.5] * 3))


def turned(degrees: float) -> Tensor:
    """Keys `[BATCH, KEY]` at an angle to the first axis."""
    angle = torch.tensor(degrees).deg2rad()
    return torch.nn.functional.pad(torch.stack([angle.cos(), angle.sin()]), (0, KEY - 2)).expand(BATCH, KEY)


def remember(memory: EpisodicMemory, *angles: float) -> None:
    """One key at each angle, labelled by its place."""
    for label, degrees in enumerate(angles):
        memory.write(turned(degrees), torch.full((BATCH, VALUE), float(label)), torch.full((BATCH,), label))


@pytest.mark.parametrize(("slack", "label"), [(0.0, 0), (0.01, 0), (0.05, 1), (0.2, 2)])
def test_of_keys_within_the_slack_the_newest_is_recalled(slack: float, label: int) -> None:
    memory = build(slack=slack)
    remember(memory, 0, 15, 35, 90)  # cosines 1, 0.966, 0.819, 0
    recall = memory.read(turned(0))
    assert recall.label.tolist() == recall.slot.tolist() == [label] * BATCH
    assert recall.value.tolist() == [[float(label)] * VALUE] * BATCH
    torch.testing.assert_close(recall.similarity, torch.ones(BATCH))


def test_the_threshold_goes_by_the_nearest_not_by_what_the_slack_recalls() -> None:
    memory = build(slack=0.2, threshold=0.95)
    remember(memory, 0, 35)
    assert memory.read(turned(0)).label.tolist() == [1] * BATCH  # 0.819 by itself would not pass
    recall = memory.read(turned(-20))
    assert recall.label.tolist() == recall.slot.tolist() == [-1] * BATCH
    assert not recall.value.any()
    torch.testing.assert_close(recall.similarity, torch.tensor(20.0).deg2rad().cos().expand(BATCH))


def test_with_slack_what_is_recalled_counts_as_used_and_the_nearest_does_not() -> None:
    memory = build(slack=0.2, organisation="stack")
    remember(memory, 0, 35, 100, 150, 200)
    memory.read(turned(0))  # recalls the one at 35 degrees
    memory.write(turned(250), torch.zeros(BATCH, VALUE), torch.full((BATCH,), 7))
    assert memory.labels[0].tolist() == [7, 1, 2, 3, 4]


def test_slack_has_no_say_in_which_stack_is_written_to() -> None:
    memory = build(slack=0.2, organisation="stack", match_above=0.97)
    for degrees in (0.0, 35.0, 5.0):
        memory.write(turned(degrees), torch.full((BATCH, VALUE), degrees))
    assert memory.occupied.sum(dim=1).tolist() == [2] * BATCH
    assert memory.values[0, :2, 0].tolist() == [5.0, 35.0]


@pytest.mark.parametrize("organisation", ["append", "stack"])
def test_without_slack_a_similarity_is_that_of_its_slot_to_the_bit(organisation: str) -> None:
    memory = build(organisation=organisation, slack=0.0)
    for seed in range(4):
        fill(memory, writes=4, seed=seed)
        query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(seed))
        similarity = memory.similarity(query)
        recall = memory.read(query)
        assert torch.equal(recall.similarity, similarity.gather(1, recall.slot.unsqueeze(1)).squeeze(1))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("kernel", "highest"), [("cosine", 1.0), ("l2", 0.0), ("l1", 0.0)])
def test_the_highest_threshold_recalls_the_very_same_key(kernel: str, highest: float, device: str) -> None:
    # One environment for each barcode: their lengths round differently.
    codes = torch.arange(1, 2**KEY)
    keys = ((codes.unsqueeze(1) >> torch.arange(KEY)) & 1).float().to(device)
    memory = build(device, len(codes), kernel=kernel, threshold=highest)
    memory.write(keys, torch.ones(len(codes), VALUE, device=device), codes.to(device))
    assert memory.read(keys).label.tolist() == codes.tolist()
    assert memory.read(keys.roll(1, dims=0)).label.tolist() == [-1] * len(codes)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize(("key_size", "capacity"), [(50, 13), (64, 37), (128, 100)])
def test_newest_wins_where_one_key_is_stored_many_times(
    key_size: int, capacity: int, neighbours: int, device: str
) -> None:
    # At these sizes a matrix product gives the same key other last bits in other slots.
    generator = torch.Generator().manual_seed(0)
    key, other = torch.randn(2, 16, key_size, generator=generator).to(device)
    memory = EpisodicMemory(capacity, key_size, 1, neighbours=neighbours).to(device)
    memory.reset(16)
    for time in range(capacity):
        stamp = torch.full((16,), time, device=device)
        memory.write(other if time % 3 == 2 else key, stamp.unsqueeze(1).float(), stamp)
    newest = max(time for time in range(capacity) if time % 3 != 2)
    assert memory.read(key).label.tolist() == [newest] * 16


def test_append_drops_the_oldest_though_it_was_just_read() -> None:
    memory = build(batch=1)
    for time in range(CAPACITY):
        memory.write(torch.eye(KEY)[time : time + 1], torch.full((1, VALUE), float(time)), torch.tensor([time]))
    assert memory.read(torch.eye(KEY)[:1]).label.tolist() == [0]
    memory.write(torch.eye(KEY)[5:], torch.zeros(1, VALUE), torch.tensor([5]))
    assert sorted(memory.labels[0].tolist()) == [1, 2, 3, 4, 5]


def test_append_gives_a_label_met_again_another_slot() -> None:
    memory = build(batch=1)
    for _ in range(3):
        memory.write(torch.ones(1, KEY), torch.ones(1, VALUE), torch.tensor([7]))
    assert memory.occupied.sum() == 3


@pytest.mark.parametrize("used_by", ["read", "write"])
def test_stack_drops_the_least_recently_used(used_by: str) -> None:
    memory = build(batch=1, organisation="stack")
    for time in range(CAPACITY):
        memory.write(torch.eye(KEY)[time : time + 1], torch.zeros(1, VALUE), torch.tensor([time]))
    if used_by == "read":
        memory.read(torch.eye(KEY)[:1])
    else:
        memory.write(torch.eye(KEY)[:1], torch.zeros(1, VALUE), torch.tensor([0]))
    memory.write(torch.eye(KEY)[5:], torch.zeros(1, VALUE), torch.tensor([5]))
    assert sorted(memory.labels[0].tolist()) == [0, 2, 3, 4, 5]


def test_stack_overwrites_a_label_in_place() -> None:
    memory = build(batch=1, organisation="stack")
    memory.write(torch.eye(KEY)[:1], torch.zeros(1, VALUE), torch.tensor([3]))
    memory.write(torch.eye(KEY)[1:2], torch.ones(1, VALUE), torch.tensor([3]))
    assert memory.occupied.sum() == 1
    recall = memory.read(torch.eye(KEY)[:1])
    assert recall.similarity.item() == 0.0  # the first key is gone
    assert recall.value.tolist() == [[1.0] * VALUE]


def test_fewer_stored_than_neighbours_share_the_weight() -> None:
    memory = build(batch=1, neighbours=4)
    memory.write(torch.eye(KEY)[:1], torch.full((1, VALUE), 1.0), torch.tensor([0]))
    memory.write(torch.eye(KEY)[1:2], torch.full((1, VALUE), 3.0), torch.tensor([1]))
    query = torch.eye(KEY)[:1] + torch.eye(KEY)[1:2]
    torch.testing.assert_close(memory.read(query).value, torch.full((1, VALUE), 2.0))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("organisation", ["append", "stack"])
def test_rows_are_independent(organisation: str, device: str) -> None:
    memories = [build(device, organisation=organisation, neighbours=2) for _ in range(2)]
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


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_fifty_tasks_met_five_hundred_times_leave_fifty_memories(labelled: bool, device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    tasks = torch.stack([torch.randperm(50, generator=generator) for _ in range(2)]).to(device)
    keys = torch.nn.functional.one_hot(tasks, 50).float()  # [2, 50, 50]
    memory = EpisodicMemory(64, 50, 1, organisation="stack", update="mean", match_above=None if labelled else 0.9)
    memory.to(device).reset(2)
    for meeting in torch.randperm(500, generator=generator).tolist():
        task = meeting % 50
        memory.write(keys[:, task], tasks[:, task : task + 1].float() + meeting, tasks[:, task] if labelled else None)
    assert memory.occupied.sum(dim=1).tolist() == [50, 50]
    assert memory.counts.sum(dim=1).tolist() == [500, 500]
    for task in range(50):
        recall = memory.read(keys[:, task])
        assert not labelled or recall.label.tolist() == tasks[:, task].tolist()
        # Met at task, task + 50, ..., task + 450.
        torch.testing.assert_close(recall.value, tasks[:, task : task + 1].float() + task + 225.0)


def test_append_without_labels_numbers_the_slots() -> None:
    memory = build()
    for time in range(CAPACITY + 2):
        memory.write(torch.eye(KEY)[time % KEY].expand(BATCH, KEY), torch.zeros(BATCH, VALUE))
        recall = memory.read(torch.eye(KEY)[time % KEY].expand(BATCH, KEY))
        assert recall.label.tolist() == recall.slot.tolist() == [time % CAPACITY] * BATCH


#: Each needs another part of the state to go on as if it had not been saved.
SAVED: dict[str, dict[str, Any]] = {
    "append": {},
    "stack": {"organisation": "stack"},
    "mean": {"organisation": "stack", "update": "mean"},
    "best return": {"organisation": "stack", "update": "best_return"},
    "by key": {"organisation": "stack", "update": "ema", "match_above": 0.45},
    "learned query": {"organisation": "stack", "update": "average", "neighbours": 3, "learned_query": True},
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("options", SAVED.values(), ids=SAVED.keys())
@pytest.mark.parametrize("batch_before", [None, 1, BATCH])
def test_state_dict_round_trip(options: dict[str, Any], batch_before: int | None, device: str) -> None:
    saved = build(device, **options)
    if saved.query_projection is not None:
        nn.init.normal_(saved.query_projection.weight, generator=torch.Generator(device).manual_seed(0))
    fill(saved, writes=9)
    loaded = EpisodicMemory(CAPACITY, KEY, VALUE, **options).to(device)
    if batch_before is not None:
        loaded.reset(batch_before)
    # Inside another module: the names then carry a prefix.
    nn.ModuleDict({"memory": loaded}).load_state_dict(nn.ModuleDict({"memory": saved}).state_dict())
    assert loaded.batch_size == BATCH
    assert_same_state(saved, loaded)
    # What goes when the memory is full depends on ages and cursors, what a stack becomes on counts and returns.
    for seed in range(3):
        fill(saved, writes=2, seed=seed)
        fill(loaded, writes=2, seed=seed)
        query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(seed)).to(device)
        assert_same(saved.read(query), loaded.read(query))
        assert_same_state(saved, loaded)


def test_loading_copies() -> None:
    saved = build()
    fill(saved, writes=2)
    loaded = EpisodicMemory(CAPACITY, KEY, VALUE)
    loaded.load_state_dict(saved.state_dict())
    before = loaded.keys.clone()
    fill(saved, writes=3, seed=1)
    assert torch.equal(loaded.keys, before)


@pytest.mark.parametrize("batch", [BATCH, 2])
def test_reset_forgets_everything(batch: int) -> None:
    options: dict[str, Any] = {"organisation": "stack", "update": "best_return"}  # uses every buffer
    memory, fresh = build(**options), build(batch=batch, **options)
    fill(memory, writes=7)
    assert all(buffer.ne(0).any() for buffer in memory.buffers())
    memory.reset(batch)
    assert_same_state(memory, fresh)


def test_reset_to_the_same_size_keeps_the_storage() -> None:
    memory = build()
    before = {name: buffer.data_ptr() for name, buffer in memory.named_buffers()}
    fill(memory, writes=7)
    memory.reset(BATCH)
    assert {name: buffer.data_ptr() for name, buffer in memory.named_buffers()} == before


def test_reset_to_nothing_gives_the_storage_back() -> None:
    memory = build()
    memory.reset(0)
    assert memory.batch_size == 0
    assert sum(buffer.numel() for name, buffer in memory.named_buffers() if name != "uses") == 0


def test_writing_leaves_no_gradient_behind() -> None:
    memory = build()
    value = torch.ones(BATCH, VALUE, requires_grad=True)
    memory.write(torch.ones(BATCH, KEY, requires_grad=True), value, torch.zeros(BATCH, dtype=torch.long))
    assert not memory.read(torch.ones(BATCH, KEY)).value.requires_grad


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
        ("organisation", {"organisation": "heap"}),
        ("update", {"update": "median"}),
        ("update", {"update": "median", "key_update": "latest", "value_update": "latest"}),
        ("key_update", {"organisation": "stack", "key_update": "median"}),
        ("value_update", {"organisation": "stack", "value_update": "median"}),
        ("key_update", {"update": "mean"}),
        ("key_update", {"key_update": "average"}),
        ("value_update", {"value_update": "best_return"}),
        ("match_above", {"match_above": 0.5}),
        ("key_update", {"organisation": "stack", "key_update": "average", "kernel": "l2"}),
        ("key_update", {"organisation": "stack", "update": "average", "kernel": "l1"}),
        ("update_rate", {"organisation": "stack", "update": "ema", "update_rate": -0.1}),
        ("update_rate", {"organisation": "stack", "update": "ema", "update_rate": 1.1}),
        ("update_rate", {"update_rate": float("nan")}),
        ("weighting", {"weighting": "uniform"}),
        ("slack", {"slack": -0.1}),
        ("slack", {"slack": float("nan")}),
        ("slack", {"slack": 0.1, "neighbours": 2}),
        ("temperature", {"temperature": 0.0}),
        ("temperature", {"temperature": -1.0}),
        ("temperature", {"temperature": float("nan")}),
        ("learned_query", {"learned_query": True}),
        ("match_above", {"organisation": "stack", "match_above": 1.5}),
        ("match_above", {"organisation": "stack", "match_above": -1.5}),
        ("match_above", {"organisation": "stack", "match_above": float("nan")}),
        ("match_above", {"organisation": "stack", "match_above": 0.1, "kernel": "l2"}),
        ("match_above", {"organisation": "stack", "match_above": 0.1, "kernel": "l1"}),
        ("threshold", {"threshold": 1.5}),
        ("threshold", {"threshold": -1.5}),
        ("threshold", {"threshold": float("nan")}),
        ("threshold", {"threshold": 0.1, "kernel": "l2"}),
        ("threshold", {"threshold": 0.1, "kernel": "l1"}),
    ],
)
def test_bad_input_is_named(name: str, arguments: dict[str, Any]) -> None:
    sizes = {"capacity": CAPACITY, "key_size": KEY, "value_size": VALUE}
    with pytest.raises(InputError, match=rf"^{name} is .+") as error:
        EpisodicMemory(**{**sizes, **arguments})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "label"),
    [
        ("label", {"organisation": "stack"}, None),
        ("returns", {"organisation": "stack", "update": "best_return"}, 0),
        ("returns", {"organisation": "stack", "key_update": "best_return"}, 0),
        ("returns", {"organisation": "stack", "value_update": "best_return", "match_above": 0.5}, None),
    ],
)
def test_a_refused_write_names_what_is_missing_and_changes_nothing(
    name: str, options: dict[str, Any], label: int | None
) -> None:
    memory, untouched = build(**options), build(**options)
    fill(memory, writes=3)
    fill(untouched, writes=3)
    labelled = None if label is None else torch.full((BATCH,), label)
    with pytest.raises(InputError, match=rf"^{name} is None: [^\n]+$"):
        memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), labelled)
    assert_same_state(memory, untouched)


@pytest.mark.parametrize(("kernel", "threshold"), [("cosine", -1.0), ("cosine", 1.0), ("l2", 0.0), ("l1", -1e6)])
def test_thresholds_within_the_range_are_taken(kernel: str, threshold: float) -> None:
    assert build(kernel=kernel, threshold=threshold).threshold == threshold
    assert build(kernel=kernel, organisation="stack", match_above=threshold).match_above == threshold


def test_a_negative_batch_is_refused() -> None:
    with pytest.raises(InputError, match=r"^batch_size is -1"):
        build().reset(-1)


def sources_of(seed: int, writes: int, size: int = 3) -> torch.Tensor:
    return torch.randn(writes, BATCH, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("organisation", ["append", "stack"])
def test_keys_made_again_are_what_the_function_makes_of_each_source(organisation: str, device: str) -> None:
    memory = build(device, organisation=organisation)
    memory.keep_sources(3)
    matrix = torch.randn(3, KEY, generator=torch.Generator().manual_seed(1)).to(device)
    other = torch.randn(3, KEY, generator=torch.Generator().manual_seed(2)).to(device)
    wanted = build(device, organisation=organisation)
    for time, source in enumerate(sources_of(0, writes=9).to(device)):
        value, label = torch.full((BATCH, VALUE), float(time), device=device), torch.full((BATCH,), time % 4).to(device)
        memory.write(source @ matrix, value, label, source=source)
        wanted.write(source @ other, value, label)
    memory.rekey(lambda sources: sources @ other)
    for name in ("keys", "key_scales", "values", "labels", "stacks", "written", "used", "clock"):
        torch.testing.assert_close(getattr(memory, name), getattr(wanted, name))
    query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(3)).to(device)
    assert torch.equal(memory.read(query).slot, wanted.read(query).slot)


@pytest.mark.parametrize(
    ("update", "expected"), [("latest", 2.0), ("mean", 1.0), ("average", 1.0), ("best_return", 1.0)]
)
def test_the_source_of_a_stack_follows_the_rule_of_its_keys(update: str, expected: float) -> None:
    memory = build(organisation="stack", update=update)
    memory.keep_sources(1)
    for time, earned in enumerate((0.0, 5.0, 1.0)):
        memory.write(
            torch.ones(BATCH, KEY),
            torch.zeros(BATCH, VALUE),
            torch.zeros(BATCH, dtype=torch.long),
            torch.full((BATCH,), earned),
            source=torch.full((BATCH, 1), float(time)),
        )
    assert memory.sources[:, 0, 0].tolist() == [expected] * BATCH


def test_sources_are_saved_and_forgotten_with_the_rest() -> None:
    saved, loaded = build(), build()
    for memory in (saved, loaded):
        memory.keep_sources(3)
    saved.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), source=sources_of(0, writes=1)[0])
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.sources[:, 0], sources_of(0, writes=1)[0])
    loaded.reset(BATCH)
    assert not loaded.sources.any()
    with pytest.raises(InputError, match=r"^source is None: a memory that keeps sources"):
        loaded.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE))
    assert not loaded.clock.any()
    with pytest.raises(InputError, match=r"^the memory keeps no sources"):
        build().rekey(lambda sources: sources)
    with pytest.raises(InputError, match=r"^size is 0"):
        build().keep_sources(0)


def test_a_stack_may_be_found_by_another_number_than_its_label() -> None:
    memory = build(organisation="stack")
    for stack, label in ((0, 7), (1, 7), (0, 8)):
        parts = (torch.eye(KEY)[stack].expand(BATCH, KEY), torch.full((BATCH, VALUE), float(label)))
        memory.write(*parts, torch.full((BATCH,), label), stack=torch.full((BATCH,), stack))
    assert memory.occupied.sum(dim=1).tolist() == [2] * BATCH
    assert memory.read(torch.eye(KEY)[0].expand(BATCH, KEY)).label.tolist() == [8] * BATCH
    assert memory.read(torch.eye(KEY)[1].expand(BATCH, KEY)).label.tolist() == [7] * BATCH
