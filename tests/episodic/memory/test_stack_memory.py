"""The stack memory against lists, one environment at a time."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.stack_memory import StackMemory
from episodic.memory.updates import UPDATES
from episodic.memory.weights import Neighbours
from tests.episodic.memory.memory_oracle import DEVICES
from tests.episodic.memory.memory_play import (
    BATCH,
    CAPACITY,
    KEY,
    MATCHES,
    SLACKS,
    THRESHOLDS,
    VALUE,
    assert_same_state,
    build,
    build_lists,
    fill,
    play,
)

#: The options of random operations: all pairs of entries of two different lines that can go together are tried.
AXES: dict[str, Sequence[Any]] = {
    "rules": tuple(itertools.product(UPDATES, UPDATES)),
    "stacks": ("by label", "by key", "by key, without labels"),
    "kernel": ("cosine", "l2", "l1"),
    "weighting": ("softmax", "inverse_distance"),
    "temperature": (1.0, 0.25),
    "neighbours": (1, 3),
    "thresholded": (False, True),
    "barcodes": (False, True),
}


def covering_cases() -> list[dict[str, Any]]:
    """Enough combinations to cover every pair of entries of two different axes that can go together."""
    everything = [dict(zip(AXES, entries, strict=True)) for entries in itertools.product(*AXES.values())]
    possible = [case for case in everything if case["rules"][0] != "average" or case["kernel"] == "cosine"]
    random.Random(0).shuffle(possible)
    cases, covered = list[dict[str, Any]](), set[Any]()
    for case in possible:
        pairs = set(itertools.combinations(case.items(), 2))
        if not pairs <= covered:
            cases.append(case)
            covered |= pairs
    return cases


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    kernel, (key_update, value_update) = case["kernel"], case["rules"]
    return {
        "kernel": kernel,
        "neighbours": case["neighbours"],
        "threshold": THRESHOLDS[kernel] if case["thresholded"] else None,
        "key_update": key_update,
        "value_update": value_update,
        "update_rate": 0.3,
        "match_above": MATCHES[kernel] if case["stacks"].startswith("by key") else None,
        "weighting": case["weighting"],
        "temperature": case["temperature"],
    }


def name_of(case: dict[str, Any]) -> str:
    return "-".join(str(entry).replace("'", "").replace(" ", "") for entry in case.values())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", covering_cases(), ids=name_of)
def test_random_operations_under_every_rule_equal_lists(case: dict[str, Any], device: str) -> None:
    options = options_of(case)
    memory, lists = build(StackMemory, device, **options), build_lists(StackMemory, **options)
    play(memory, lists, name_of(case), case["barcodes"], labelled=case["stacks"] != "by key, without labels")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("barcodes", [False, True], ids=["gaussian", "barcodes"])
@pytest.mark.parametrize("thresholded", [False, True], ids=["any", "threshold"])
@pytest.mark.parametrize("by_key", [False, True], ids=["by label", "by key"])
@pytest.mark.parametrize("kernel", ["cosine", "l2", "l1"])
def test_random_operations_with_slack_equal_lists(
    kernel: str, by_key: bool, thresholded: bool, barcodes: bool, device: str
) -> None:
    options: dict[str, Any] = {
        "kernel": kernel,
        "threshold": THRESHOLDS[kernel] if thresholded else None,
        "match_above": MATCHES[kernel] if by_key else None,
        "slack": SLACKS[kernel],
    }
    memory, lists = build(StackMemory, device, **options), build_lists(StackMemory, **options)
    play(memory, lists, f"slack {kernel} {by_key} {thresholded} {barcodes}", barcodes)


@pytest.mark.parametrize("used_by", ["read", "write"])
def test_the_least_recently_used_is_dropped(used_by: str) -> None:
    memory = build(StackMemory, batch=1)
    for time in range(CAPACITY):
        memory.write(torch.eye(KEY)[time : time + 1], torch.zeros(1, VALUE), torch.tensor([time]))
    if used_by == "read":
        memory.read(torch.eye(KEY)[:1])
    else:
        memory.write(torch.eye(KEY)[:1], torch.zeros(1, VALUE), torch.tensor([0]))
    memory.write(torch.eye(KEY)[5:], torch.zeros(1, VALUE), torch.tensor([5]))
    assert sorted(memory.labels[0].tolist()) == [0, 2, 3, 4, 5]


def test_a_label_that_returns_is_updated_in_place() -> None:
    memory = build(StackMemory, batch=1)
    memory.write(torch.eye(KEY)[:1], torch.zeros(1, VALUE), torch.tensor([3]))
    memory.write(torch.eye(KEY)[1:2], torch.ones(1, VALUE), torch.tensor([3]))
    assert memory.occupied.sum() == 1
    recall = memory.read(torch.eye(KEY)[:1])
    assert recall.similarity.item() == 0.0  # the first key is gone
    assert recall.value.tolist() == [[1.0] * VALUE]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_fifty_tasks_met_five_hundred_times_leave_fifty_memories(labelled: bool, device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    tasks = torch.stack([torch.randperm(50, generator=generator) for _ in range(2)]).to(device)
    keys = torch.nn.functional.one_hot(tasks, 50).float()  # [2, 50, 50]
    memory = StackMemory(64, 50, 1, update="mean", match_above=None if labelled else 0.9)
    memory.to(device).reset(2)
    for meeting in torch.randperm(500, generator=generator).tolist():
        task = meeting % 50
        memory.write(keys[:, task], tasks[:, task : task + 1].float() + meeting, tasks[:, task] if labelled else None)
    assert memory.occupied.sum(dim=1).tolist() == [50, 50]
    assert memory.stacks.counts.sum(dim=1).tolist() == [500, 500]
    for task in range(50):
        recall = memory.read(keys[:, task])
        assert not labelled or recall.label.tolist() == tasks[:, task].tolist()
        # Met at task, task + 50, ..., task + 450.
        torch.testing.assert_close(recall.value, tasks[:, task : task + 1].float() + task + 225.0)


def test_a_stack_may_be_found_by_another_number_than_its_label() -> None:
    memory = build(StackMemory)
    for stack, label in ((0, 7), (1, 7), (0, 8)):
        parts = (torch.eye(KEY)[stack].expand(BATCH, KEY), torch.full((BATCH, VALUE), float(label)))
        memory.write(*parts, torch.full((BATCH,), label), stack=torch.full((BATCH,), stack))
    assert memory.occupied.sum(dim=1).tolist() == [2] * BATCH
    assert memory.read(torch.eye(KEY)[0].expand(BATCH, KEY)).label.tolist() == [8] * BATCH
    assert memory.read(torch.eye(KEY)[1].expand(BATCH, KEY)).label.tolist() == [7] * BATCH


def test_what_finds_the_stacks_can_be_asked() -> None:
    assert build(StackMemory).by_label
    assert not build(StackMemory, match_above=0.5).by_label


def test_neighbours_are_a_number_or_a_mixture() -> None:
    mixed = StackMemory(CAPACITY, KEY, VALUE, neighbours=Neighbours(3, temperature=0.1))
    assert (mixed.neighbours, mixed.weighting, mixed.temperature) == (3, "softmax", 0.1)
    assert StackMemory(CAPACITY, KEY, VALUE, neighbours=4).neighbours == 4


def turned(degrees: float) -> Tensor:
    """Keys `[BATCH, KEY]` at an angle to the first axis."""
    angle = torch.tensor(degrees).deg2rad()
    return torch.nn.functional.pad(torch.stack([angle.cos(), angle.sin()]), (0, KEY - 2)).expand(BATCH, KEY)


def test_with_slack_the_recalled_memory_counts_as_used_and_the_nearest_does_not() -> None:
    memory = build(StackMemory, slack=0.2)
    for label, degrees in enumerate((0, 35, 100, 150, 200)):
        memory.write(turned(degrees), torch.zeros(BATCH, VALUE), torch.full((BATCH,), label))
    memory.read(turned(0))  # recalls the one at 35 degrees
    memory.write(turned(250), torch.zeros(BATCH, VALUE), torch.full((BATCH,), 7))
    assert memory.labels[0].tolist() == [7, 1, 2, 3, 4]


def test_slack_does_not_affect_which_stack_is_written_to() -> None:
    memory = build(StackMemory, slack=0.2, match_above=0.97)
    for degrees in (0.0, 35.0, 5.0):
        memory.write(turned(degrees), torch.full((BATCH, VALUE), degrees))
    assert memory.occupied.sum(dim=1).tolist() == [2] * BATCH
    assert memory.values[0, :2, 0].tolist() == [5.0, 35.0]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("update", {"update": "median"}),
        ("update", {"update": "median", "key_update": "latest", "value_update": "latest"}),
        ("key_update", {"key_update": "median"}),
        ("value_update", {"value_update": "median"}),
        ("key_update", {"key_update": "average", "kernel": "l2"}),
        ("key_update", {"update": "average", "kernel": "l1"}),
        ("update_rate", {"update": "ema", "update_rate": -0.1}),
        ("update_rate", {"update": "ema", "update_rate": 1.1}),
        ("update_rate", {"update_rate": float("nan")}),
        ("match_above", {"match_above": 1.5}),
        ("match_above", {"match_above": float("nan")}),
        ("match_above", {"match_above": 0.1, "kernel": "l2"}),
        ("match_above", {"match_above": 0.1, "kernel": "l1"}),
        ("neighbours", {"neighbours": CAPACITY + 1}),
        ("slack", {"slack": 0.1, "neighbours": Neighbours(2)}),
    ],
)
def test_bad_options_are_named(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^{name} is [^\n]+$"):
        StackMemory(CAPACITY, KEY, VALUE, **arguments)


LABELS = torch.zeros(BATCH, dtype=torch.long)


@pytest.mark.parametrize(
    ("message", "options", "parts"),
    [
        ("label is None", {}, {}),
        ("label is -3 in a row", {}, {"label": LABELS - 3}),
        ("stack is -1 in a row", {}, {"label": LABELS, "stack": LABELS - 1}),
        (r"stack has shape \(3,\): it must be \(4,\)", {}, {"label": LABELS, "stack": LABELS[:3]}),
        ("stack is given with match_above", {"match_above": 0.5}, {"stack": LABELS}),
        ("returns is None", {"update": "best_return"}, {"label": LABELS}),
        ("returns is None", {"key_update": "best_return"}, {"label": LABELS}),
        ("returns is None", {"value_update": "best_return", "match_above": 0.5}, {}),
        ("returns holds NaN", {"update": "best_return"}, {"label": LABELS, "returns": LABELS * float("nan")}),
        (r"returns has shape \(4, 1\)", {"update": "best_return"}, {"label": LABELS, "returns": torch.ones(BATCH, 1)}),
    ],
)
def test_a_refused_write_changes_nothing(message: str, options: dict[str, Any], parts: dict[str, Tensor]) -> None:
    memory, untouched = build(StackMemory, **options), build(StackMemory, **options)
    fill(memory, writes=3)
    fill(untouched, writes=3)
    with pytest.raises(InputError, match=rf"^{message}[^\n]*$"):
        memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), **parts)
    assert_same_state(memory, untouched)
