"""The choice of the nearest slots against a loop that takes them one at a time."""

import pytest
import torch
from torch import Tensor

from episodic.memory.neighbours import newest_nearest
from tests.episodic.memory.memory_oracle import DEVICES, nearest_first

SLOTS = 12


def stored(rows: int, seed: int, jitter: float) -> tuple[Tensor, Tensor]:
    """Rows with many ties, distinguished by no more than `jitter`, and 0 to SLOTS free slots."""
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randint(-3, 4, (rows, SLOTS), generator=generator) / 4.0
    similarity += jitter * torch.rand(rows, SLOTS, generator=generator)
    written = torch.rand(rows, SLOTS, generator=generator).argsort(dim=1) + 1
    free = torch.rand(rows, SLOTS, generator=generator) < torch.linspace(0, 1, rows).unsqueeze(1)
    return similarity.masked_fill(free, float("-inf")), written.masked_fill(free, 0)


def one_at_a_time(similarity: Tensor, written: Tensor, k: int, slack: float = 0.0) -> list[list[int]]:
    rows = []
    for near, when in zip(similarity.tolist(), written.tolist(), strict=True):
        taken = {slot: near[slot] for slot in range(SLOTS) if when[slot] > 0}
        rows.append(nearest_first(taken, dict(enumerate(when)), k, slack))
    return rows


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("k", [1, 2, 3, SLOTS])
@pytest.mark.parametrize("jitter", [0.0, 3e-7])
def test_nearest_first_and_newest_among_equals(k: int, jitter: float, device: str) -> None:
    similarity, written = stored(rows=40, seed=k, jitter=jitter)
    slots, nearest = newest_nearest(similarity.to(device), written.to(device), k)
    assert slots.shape == nearest.shape == (40, k)
    for row, expected in enumerate(one_at_a_time(similarity, written, k)):
        count = len(expected)
        assert slots[row, :count].tolist() == expected
        assert (nearest[row, count:] == float("-inf")).all()
        torch.testing.assert_close(nearest[row, :count].cpu(), similarity[row, expected])


@pytest.mark.parametrize("k", [1, 3])
def test_slots_of_a_row_are_distinct(k: int) -> None:
    similarity, written = stored(rows=40, seed=7, jitter=0.0)
    slots, _ = newest_nearest(similarity, written, k)
    assert all(len(set(row)) == k for row in slots.tolist())


@pytest.mark.parametrize("k", [1, 3])
def test_a_difference_beyond_rounding_beats_newness(k: int) -> None:
    similarity = torch.tensor([[0.5, 0.5001, 0.4]])
    slots, _ = newest_nearest(similarity, torch.tensor([[3, 1, 2]]), k)
    assert slots[0].tolist() == [1, 0, 2][:k]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("slack", [0.1, 0.25, 0.3, 10.0])
@pytest.mark.parametrize("jitter", [0.0, 3e-7])
def test_the_newest_within_the_slack_and_the_similarity_of_the_nearest(
    slack: float, jitter: float, device: str
) -> None:
    similarity, written = stored(rows=60, seed=3, jitter=jitter)
    slots, nearest = newest_nearest(similarity.to(device), written.to(device), 1, slack)
    assert slots.shape == nearest.shape == (60, 1)
    assert torch.equal(nearest.cpu(), similarity.amax(dim=1, keepdim=True))
    expected = one_at_a_time(similarity, written, 1, slack)
    assert [slots[row].tolist() for row in range(60) if expected[row]] == [slot for slot in expected if slot]


@pytest.mark.parametrize("jitter", [0.0, 3e-7])
def test_without_slack_the_similarity_is_the_slots_own_to_the_bit(jitter: float) -> None:
    similarity, written = stored(rows=60, seed=1, jitter=jitter)
    slots, nearest = newest_nearest(similarity, written, 1)
    assert torch.equal(nearest, similarity.gather(1, slots))
    for found, wanted in zip(newest_nearest(similarity, written, 1, 0.0), (slots, nearest), strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("slack", [0.1, 2.0, 1e9])
def test_a_free_slot_never_wins(slack: float) -> None:
    free = float("-inf")
    similarity = torch.tensor([[free, 0.3, free, 0.2], [free, free, free, -5.0], [free, free, free, free]])
    slots, nearest = newest_nearest(similarity, torch.tensor([[0, 1, 0, 2], [0, 0, 0, 1], [0, 0, 0, 0]]), 1, slack)
    assert slots[:2].flatten().tolist() == [3, 3]
    assert nearest.flatten().tolist() == pytest.approx([0.3, -5.0, free])


def test_the_slack_ends_where_it_says() -> None:
    similarity, written = torch.tensor([[0.9, 0.8, 0.7]]), torch.tensor([[1, 2, 3]])
    for slack, slot in ((0.05, 0), (0.1, 1), (0.15, 1), (0.2, 2)):
        assert newest_nearest(similarity, written, 1, slack)[0].item() == slot, slack
