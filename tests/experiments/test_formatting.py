import math

import pytest

from experiments.formatting import format_estimate, format_value, is_cost, markdown_rows, metric_label
from experiments.intervals import Estimate


@pytest.mark.parametrize(
    ("metric", "value", "told"),
    [
        ("test/reward", 8.376, "8.38"),
        ("test/regret_exposure_01", 4.5, "4.50"),
        ("test/recall_accuracy", 0.98765, "98.8 %"),
        ("test/ideal_fraction", 1.0, "100.0 %"),
        ("test/20way_1shot", 0.5, "50.0 %"),
        ("test/reconstruction_mse", 0.0042171, "0.004217"),
    ],
)
def test_figures_are_as_long_as_their_kind(metric: str, value: float, told: str) -> None:
    assert format_value(metric, value) == told


def test_a_difference_has_a_sign() -> None:
    assert format_estimate("test/reward", Estimate(-0.5, -1.0, 0.25, 3), 3, signed=True) == "-0.50 [-1.00, +0.25]"


@pytest.mark.parametrize(("value", "told"), [(-0.0001, "-0.00"), (0.0001, "+0.00"), (0.0, "0.00"), (-0.0, "0.00")])
def test_a_small_difference_is_told_from_none(value: float, told: str) -> None:
    assert format_value("test/reward", value, signed=True) == told
    assert format_value("test/reward", value) == "0.00"


def test_what_has_no_interval_has_no_brackets() -> None:
    assert format_estimate("test/reward", Estimate(8.0, math.nan, math.nan, 1), 1) == "8.00"
    assert format_estimate("test/reward", Estimate(8.0, math.nan, math.nan, 2), 3) == "8.00 (n = 2)"


def test_less_of_a_cost_is_better() -> None:
    found = [
        is_cost(f"test/{name}") for name in ("reward", "regret_exposure_01", "recall_accuracy", "reconstruction_mse")
    ]
    assert found == [False, True, False, True]


def test_labels_and_rows() -> None:
    assert metric_label("test/recall_accuracy") == "recall accuracy"
    assert markdown_rows(["a", "b"], [["1|2", "3"]]) == "| a | b |\n| --- | ---: |\n| 1\\|2 | 3 |"
