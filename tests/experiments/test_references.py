"""References between conditions, and mistakes in them."""

from typing import Any

import pytest

from episodic.errors import InputError
from experiments.references import Reference, find_reference
from tests.experiments.chains import CONDITIONS, chain
from tests.experiments.grids import grid

KNOWN = chain(**{"a/b": {}, "a": {}}).conditions


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("@agent", Reference("agent")),
        ("@agent/harvest.npz", Reference("agent", "harvest.npz")),
        ("@agent/checkpoints/last.ckpt", Reference("agent", "checkpoints/last.ckpt")),
        ("@a/b", Reference("a/b")),  # the longest name that fits
        ("@a/c", Reference("a", "c")),
        ("a@b.c", None),
        ("agent", None),
        ("", None),
    ],
)
def test_an_at_sign_in_front_makes_a_reference(value: str, reference: Reference | None) -> None:
    assert find_reference(f"--data.harvest={value}", KNOWN) == reference


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("@agnt", "data.harvest is '@agnt': after the @ has to stand a condition, one of 'agent', 'elsewhere'"),
        ("@agents", "after the @ has to stand a condition"),
        ("@", "after the @ has to stand a condition"),
        ("@agent/", "is no file in the folder of a run"),
        ("@agent/../x", "'../x' is no file in the folder of a run"),
        ("@agent//etc", "'/etc' is no file in the folder of a run"),
        ("@plain/harvest.npz", "'plain' makes no harvest, since it says nothing under predicts"),
    ],
)
def test_a_wrong_reference_is_named(value: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        find_reference(f"--data.harvest={value}", KNOWN)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"plain": {"data.harvest": "@agnt"}}, "^conditions, 'plain': data.harvest is '@agnt'"),
        ({"plain": {"evaluations": {"x": {"data.harvest": "@agnt"}}}}, "^conditions, 'plain': data.harvest is '@agnt'"),
        ({"plain": {"predicts": {"data.harvest": "@agnt"}}}, "^conditions, 'plain': data.harvest is '@agnt'"),
        ({"plain": {"model.warm_start.agent": "@plain"}}, "'plain' -> 'plain': each needs what the next one makes"),
        (
            {"plain": {"predicts": None, "data.harvest": "@plain/harvest.npz"}},
            r"'plain' -> 'plain' \(harvest\) -> 'plain': each needs what the next one makes",
        ),
        (
            {"agent": {**CONDITIONS["agent"], "model.warm_start.agent": "@keys"}},
            "'agent' -> 'keys' -> 'agent': each needs what the next one makes",
        ),
        (
            {"agent": {**CONDITIONS["agent"], "model.warm_start.agent": "@encoder"}},
            r"'agent' -> 'encoder' -> 'agent' \(harvest\) -> 'agent': ",
        ),
        (
            {
                "elsewhere": {
                    **CONDITIONS["elsewhere"],
                    "predicts": {"model.warm_start.agent": "@elsewhere/harvest.npz"},
                }
            },
            r"'elsewhere' \(harvest\) -> 'elsewhere' \(harvest\): ",
        ),
    ],
    ids=str,
)
def test_conditions_that_cannot_be_made_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        chain(**changes)
    assert "\n" not in str(raised.value)


def test_a_harvest_may_be_made_with_another_training() -> None:
    """What a training needs is not what its harvest needs: this is no circle."""
    grid = chain(elsewhere={**CONDITIONS["elsewhere"], "predicts": {"model.x": "@keys"}})
    assert grid.conditions["elsewhere"].predicts == ("--model.x=@keys",)


def test_an_override_of_all_trainings_cannot_be_one_of_them() -> None:
    with pytest.raises(InputError, match="'append' -> 'append': each needs"):
        grid(overrides={"model.warm_start.agent": "@append"})
