import pytest

from experiments.agreement import agreement
from experiments.results import Row
from tests.experiments.reports import REWARDS, rows

REWARD = "test/reward"


def changed(by: float) -> list[Row]:
    return rows({place: (values[0] + by, *values[1:]) for place, values in REWARDS.items()})


def test_the_same_figures() -> None:
    assert agreement(rows(), rows(), REWARD) == "all 11 figures of the reward are what they were before"
    assert agreement(rows(), changed(1.0), "test/recall_accuracy").startswith("all 11 figures of the recall accuracy")


@pytest.mark.parametrize(("by", "inside"), [(0.125, 5), (-4.0, 0)])
def test_others_are_counted_and_their_means_held_against_the_former_intervals(by: float, inside: int) -> None:
    """Of two values the interval reaches from one to the other; of a single one there is none."""
    told = agreement(rows(), changed(by), REWARD)
    assert told == (
        f"5 of 11 figures of the reward are what they were before, the others differ by up to {abs(by):.3f}; "
        f"{inside + 1} of 6 means lie in their former intervals"
    )


def test_what_only_one_of_both_has_is_left_out() -> None:
    some = [row for row in rows() if row.condition == "append"]
    assert agreement(rows(), some, REWARD) == "all 4 figures of the reward are what they were before"
    assert agreement(rows(), [], REWARD) == "no reward to compare with what was there before"
