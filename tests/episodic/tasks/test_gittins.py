"""Gittins indices against the restart formulation, and against published values."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.gittins import gittins_indices

PULLS = 8


def restart_index(successes: int, failures: int, discount: float, prior: tuple[float, float], depth: int) -> float:
    """The index of one state, after Katehakis & Veinott 1987.

    In each state one may go on or start again from the state in question, s0; then
    index(s0) = (1 - discount) V(s0). Value iteration over the states within `depth` pulls of s0; at the edge the only
    way is to start again.
    """
    a, b = prior[0] + successes, prior[1] + failures
    won, played = np.meshgrid(np.arange(depth + 1), np.arange(depth + 1), indexing="ij")
    mean: npt.NDArray[np.float64] = (a + won) / (a + b + played)
    value = np.zeros((depth + 2, depth + 2))  # [won, played] after s0
    while True:
        inside = value[:-1, :-1]
        go_on = mean * (1 + discount * value[1:, 1:]) + (1 - mean) * discount * value[:-1, 1:]
        go_on[:, -1] = 0.0
        after = np.maximum(go_on, go_on[0, 0])
        if np.abs(after - inside).max() < 1e-9:
            return float((1 - discount) * after[0, 0])
        value[:-1, :-1] = after


@pytest.mark.parametrize(
    ("successes", "failures"), [(0, 0), (1, 0), (0, 1), (1, 1), (2, 3), (3, 2), (8, 0), (0, 8), (7, 1), (4, 4)]
)
@pytest.mark.parametrize(("discount", "prior"), [(0.9, (1.0, 1.0)), (0.7, (1.0, 1.0)), (0.9, (2.0, 5.0))])
def test_indices_equal_the_restart_formulation(
    successes: int, failures: int, discount: float, prior: tuple[float, float]
) -> None:
    found = gittins_indices(PULLS, discount, prior)[successes, failures].item()
    assert found == pytest.approx(restart_index(successes, failures, discount, prior, depth=70), abs=1e-4)


@pytest.mark.parametrize(("successes", "failures", "index"), [(0, 0, 0.7029), (1, 0, 0.8001), (0, 1, 0.5001)])
def test_published_values(successes: int, failures: int, index: float) -> None:
    assert gittins_indices(PULLS)[successes, failures].item() == pytest.approx(index, abs=1e-3)


def test_the_table_holds_what_can_be_reached() -> None:
    table = gittins_indices(PULLS)
    assert table.shape == (PULLS + 1, PULLS + 1)
    assert table.dtype == torch.float64
    for successes in range(PULLS + 1):
        for failures in range(PULLS + 1):
            mean = (1 + successes) / (2 + successes + failures)
            if successes + failures > PULLS:
                assert table[successes, failures] == 0
            else:
                assert mean < table[successes, failures] < 1  # exploring is worth something


def test_more_successes_are_better_and_more_failures_worse() -> None:
    table = gittins_indices(PULLS)
    for played in range(1, PULLS + 1):
        row = [table[successes, played - successes].item() for successes in range(played + 1)]
        assert row == sorted(row)
        assert len(set(row)) == len(row)


def test_the_longest_table_agrees_with_a_short_one() -> None:
    torch.testing.assert_close(gittins_indices(PULLS)[:3, :3], gittins_indices(4)[:3, :3], atol=1e-6, rtol=0.0)


def test_a_short_sight_does_not_explore() -> None:
    table = gittins_indices(3, discount=0.01)
    assert table[1, 1].item() == pytest.approx(0.5, abs=5e-3)


@pytest.mark.parametrize("discount", [0.0, 1.0, -0.5, 1.5])
def test_bad_discount_is_named(discount: float) -> None:
    with pytest.raises(InputError, match=f"^discount is {discount}"):
        gittins_indices(3, discount)
