"""What a second write makes of a stack: the rules alone, and in a memory that finds its stacks by label or by key."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.memory.stack_memory import StackMemory
from episodic.memory.updates import UPDATES, Meeting, update_key, update_value
from tests.episodic.memory.memory_oracle import DEVICES, averaged_key, merged

ROWS, SIZE, WRITES = 6, 4, 5
LOWEST = [("cosine", -1.0), ("l2", float("-inf")), ("l1", float("-inf"))]


def meeting(known: bool, writes: int, better: bool, device: str = "cpu", rows: int = ROWS) -> Meeting:
    def column(entry: bool | int) -> Tensor:
        return torch.full((rows, 1), entry, device=device)

    return Meeting(column(known), column(writes), column(better))


def build(device: str = "cpu", batch: int = 1, capacity: int = 4, **options: Any) -> StackMemory:
    memory = StackMemory(capacity, SIZE, 1, **options).to(device)
    memory.reset(batch)
    return memory


def put(memory: StackMemory, key: Tensor, value: float, label: int | None = None, returns: float | None = None) -> None:
    """Write the same key `[K]` and value into every environment."""
    batch, device = memory.batch_size, memory.keys.device
    memory.write(
        key.to(device).expand(batch, -1),
        torch.full((batch, 1), value, device=device),
        None if label is None else torch.full((batch,), label, device=device),
        None if returns is None else torch.full((batch,), returns, device=device),
    )


def stored_value(memory: StackMemory, label: int) -> float:
    """The value of the one stack with that label."""
    (value,) = memory.values[memory.labels == label].tolist()
    return float(value[0])


def unit(axis: int) -> Tensor:
    return torch.eye(SIZE)[axis]


def random_vectors(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, SIZE, generator=torch.Generator().manual_seed(seed))


def test_these_are_all_the_rules() -> None:
    assert set(UPDATES) == {"latest", "average", "mean", "ema", "best_return"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("part", ["key", "value"])
@pytest.mark.parametrize("rule", UPDATES)
def test_writes_one_by_one_equal_the_definition_over_all(rule: str, part: str, device: str) -> None:
    source, update = random.Random(rule), {"key": update_key, "value": update_value}[part]
    vectors = random_vectors(WRITES * ROWS).view(WRITES, ROWS, SIZE)
    returns = [[source.choice([-1.0, 0.0, 1.0]) for _ in range(ROWS)] for _ in range(WRITES)]
    stored = torch.full((ROWS, SIZE), 9.0, device=device)  # left behind by whatever was there before
    for count in range(WRITES):
        before = [max((earned[row] for earned in returns[:count]), default=9.0) for row in range(ROWS)]
        better = torch.tensor([[now >= best] for now, best in zip(returns[count], before, strict=True)], device=device)
        met = meeting(count > 0, count + 1, False, device)._replace(better=better)
        stored = update(rule, stored, vectors[count].to(device), met, 0.3)
    for row in range(ROWS):
        writes, earned = vectors[:, row].tolist(), [step[row] for step in returns]
        by_direction = (rule, part) == ("average", "key")
        expected = averaged_key(writes) if by_direction else merged(rule, writes, earned, 0.3)
        torch.testing.assert_close(stored[row].cpu(), torch.tensor(expected), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("update", [update_key, update_value])
@pytest.mark.parametrize("rule", UPDATES)
def test_rows_with_and_without_a_stack_go_their_own_ways(rule: str, update: Any, device: str) -> None:
    stored, new = random_vectors(2 * ROWS).to(device).split(ROWS)
    known = (torch.arange(ROWS, device=device) % 2 == 0).unsqueeze(1)
    mixed = update(rule, stored, new, meeting(True, 3, False, device)._replace(known=known), 0.3)
    everywhere = update(rule, stored, new, meeting(True, 3, False, device), 0.3)
    assert torch.equal(mixed[1::2], new[1::2])
    assert torch.equal(mixed[::2], everywhere[::2])
    assert (rule == "latest") == torch.equal(everywhere, new)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("update", [update_key, update_value])
@pytest.mark.parametrize("rule", UPDATES)
def test_rules_keep_the_precision_of_what_is_stored(rule: str, update: Any, dtype: torch.dtype) -> None:
    stored, new = random_vectors(2 * ROWS).to(dtype).split(ROWS)
    met = meeting(True, 3, True)
    updated = update(rule, stored, new, met, 0.3)
    assert updated.dtype == dtype
    for row in range(ROWS):
        # The third of three writes, of which two left what is stored.
        writes = [stored[row].tolist(), stored[row].tolist(), new[row].tolist()]
        by_direction = (rule, update) == ("average", update_key)
        expected = averaged_key(writes[1:]) if by_direction else merged(rule, writes, [0.0] * 3, 0.3)
        tolerance = 1e-14 if dtype == torch.float64 else 0.03
        torch.testing.assert_close(
            updated[row].double(), torch.tensor(expected, dtype=torch.float64), atol=tolerance, rtol=0.0
        )


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_an_average_key_is_of_unit_length_whatever_the_keys_are(length: float) -> None:
    stored, new = random_vectors(2 * ROWS).split(ROWS)
    averaged = update_key("average", stored * length, new / length, meeting(True, 2, True), 0.5)
    torch.testing.assert_close(averaged.norm(dim=-1), torch.ones(ROWS))
    # Both keys count the same: it is as near to one as to the other.
    nearness = [torch.nn.functional.cosine_similarity(averaged, key) for key in (stored, new)]
    torch.testing.assert_close(nearness[0], nearness[1])


def test_opposite_and_zero_keys_average_to_numbers() -> None:
    key, nothing = random_vectors(ROWS), torch.zeros(ROWS, SIZE)
    met = meeting(True, 2, True)
    assert update_key("average", key, -key, met, 0.5).isfinite().all()
    assert torch.equal(update_key("average", nothing, nothing, met, 0.5), nothing)
    direction = key / key.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(update_key("average", nothing, key, met, 0.5), direction)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_ema_at_its_ends_keeps_the_first_or_takes_the_last(rate: float) -> None:
    memory = build(update="ema", update_rate=rate)
    keys = random_vectors(WRITES)
    for count in range(WRITES):
        put(memory, keys[count], float(count), label=7)
    survivor = int(rate) * (WRITES - 1)
    torch.testing.assert_close(memory.keys[0, 0], keys[survivor])
    assert stored_value(memory, 7) == survivor


def test_mean_of_many_writes_is_the_mean_of_all() -> None:
    memory = build(batch=2, update="mean")
    keys = random_vectors(40)
    for count in range(40):
        put(memory, keys[count], float(count * count), label=7)
    torch.testing.assert_close(memory.keys[:, 0], keys.mean(dim=0).expand(2, -1), atol=1e-6, rtol=1e-5)
    assert memory.values[:, 0, 0].tolist() == pytest.approx([sum(count * count for count in range(40)) / 40] * 2)
    assert memory.stacks.counts[:, 0].tolist() == [40, 40]


def test_keys_average_from_the_second_write_on() -> None:
    memory = build(update="average")
    put(memory, 3 * unit(0), 1.0, label=7)
    assert torch.equal(memory.keys[0, 0], 3 * unit(0))
    put(memory, 5 * unit(1), 2.0, label=7)
    torch.testing.assert_close(memory.keys[0, 0], (unit(0) + unit(1)) * 0.5**0.5)
    torch.testing.assert_close(memory.key_scales[0, 0], torch.tensor(1.0))
    assert stored_value(memory, 7) == 1.5


@pytest.mark.parametrize("device", DEVICES)
def test_best_return_keeps_the_best_and_the_newer_of_equals(device: str) -> None:
    memory = build(device, update="best_return")
    held = []
    for count, earned in enumerate([-3.0, -5.0, -3.0, 0.0, -1.0, 2.0, 2.0, 1.0]):
        put(memory, (count + 1.0) * unit(0), float(count), label=7, returns=earned)
        held.append(stored_value(memory, 7))
        assert memory.key_scales[0, 0] == 1 / torch.tensor(held[-1] + 1)  # the key goes along
    assert held == [0, 0, 2, 3, 3, 5, 6, 6]
    assert memory.stacks.returns[0, 0] == 2.0


def test_best_return_of_values_alone_leaves_the_keys_their_rule() -> None:
    memory = build(value_update="best_return")
    put(memory, unit(0), 1.0, label=7, returns=5.0)
    put(memory, unit(1), 2.0, label=7, returns=4.0)
    assert torch.equal(memory.keys[0, 0], unit(1))
    assert stored_value(memory, 7) == 1.0


@pytest.mark.parametrize("rule", UPDATES)
def test_update_stands_for_both_rules(rule: str) -> None:
    together, apart = build(update=rule), build(update="latest", key_update=rule, value_update=rule)
    for count, key in enumerate(random_vectors(WRITES)):
        for memory in (together, apart):
            put(memory, key, float(count), label=count % 2, returns=float(-count))
    assert torch.equal(together.keys, apart.keys)
    assert torch.equal(together.values, apart.values)


@pytest.mark.parametrize(("rule", "expected"), [("mean", 4.0), ("best_return", 3.0), ("average", 4.0), ("ema", 4.0)])
@pytest.mark.parametrize("by_key", [False, True], ids=["by label", "by key"])
def test_a_stack_that_was_dropped_and_comes_back_starts_anew(rule: str, expected: float, by_key: bool) -> None:
    memory = build(capacity=2, update=rule, match_above=0.9 if by_key else None)
    for value in (100.0, 200.0, 300.0):
        put(memory, unit(0), value, label=0, returns=9.0)
    put(memory, unit(1), 10.0, label=1, returns=1.0)
    put(memory, unit(2), 20.0, label=2, returns=1.0)  # drops label 0, whose counts and returns are in this slot
    assert sorted(memory.labels[0].tolist()) == [1, 2]
    assert stored_value(memory, 2) == 20.0
    put(memory, unit(0), 3.0, label=0, returns=-2.0)  # drops label 1
    assert stored_value(memory, 0) == 3.0
    put(memory, unit(0), 5.0, label=0, returns=-4.0)
    assert stored_value(memory, 0) == expected


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rule", UPDATES)
@pytest.mark.parametrize(("kernel", "lowest"), LOWEST)
def test_at_the_lowest_limit_everything_goes_to_one_stack(kernel: str, lowest: float, rule: str, device: str) -> None:
    memory = build(device, batch=3, kernel=kernel, match_above=lowest, value_update=rule, update_rate=0.25)
    values, earned = [8.0, -4.0, 2.0], [-2.0, -3.0, -1.0]
    for count, key in enumerate((unit(0), -unit(0), 5 * unit(1))):
        put(memory, key, values[count], returns=earned[count])
        assert memory.occupied.sum(dim=1).tolist() == [1, 1, 1]
        seen = [[value] for value in values[: count + 1]]
        expected = merged(rule, seen, earned[: count + 1], 0.25)[0]
        torch.testing.assert_close(memory.values[:, 0, 0].cpu(), torch.full((3,), expected))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("kernel", "highest"), [("cosine", 1.0), ("l2", 0.0), ("l1", 0.0)])
def test_at_the_highest_limit_only_the_very_same_key_is_known_again(kernel: str, highest: float, device: str) -> None:
    keys = random_vectors(60).to(device)  # one environment each: their lengths round differently
    memory = build(device, batch=60, kernel=kernel, match_above=highest, value_update="mean")
    for value, key in enumerate((keys, keys.roll(1, dims=0), keys, keys)):
        memory.write(key, torch.full((60, 1), float(value), device=device))
    assert memory.occupied.sum(dim=1).tolist() == [2] * 60
    assert memory.stacks.counts[:, :2].tolist() == [[3, 1]] * 60
    torch.testing.assert_close(memory.values[:, 0, 0].cpu(), torch.full((60,), (0 + 2 + 3) / 3))


def test_stacks_found_by_key_pay_no_heed_to_labels() -> None:
    memory = build(match_above=0.9)
    put(memory, unit(0), 1.0, label=7)
    put(memory, unit(1), 2.0, label=7)
    put(memory, unit(0), 3.0, label=5)
    assert memory.labels[0].tolist() == [5, 7, -1, -1]
    assert memory.values[0, :2, 0].tolist() == [3.0, 2.0]


def test_a_write_goes_to_the_nearest_of_several_stacks_within_the_limit() -> None:
    memory = build(match_above=0.5, key_update="ema", update_rate=0.0)
    put(memory, unit(0), 1.0)
    put(memory, unit(1), 2.0)
    put(memory, unit(0) + 1.2 * unit(1), 3.0)
    assert memory.values[0, :2, 0].tolist() == [1.0, 3.0]


def test_stacks_without_labels_are_named_after_their_slots() -> None:
    memory = build(capacity=2, match_above=0.9)
    for key, slot in ((0, 0), (1, 1), (0, 0), (2, 1), (3, 0)):  # the last two drop the least recently used
        put(memory, unit(key), 1.0)
        recall = memory.read(unit(key).unsqueeze(0))
        assert recall.label.tolist() == recall.slot.tolist() == [slot]
        assert recall.similarity.item() == 1.0
