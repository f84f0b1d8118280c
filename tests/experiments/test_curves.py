import pytest

from episodic.errors import InputError
from experiments.curves import curve_panels

THRESHOLDS = [
    "raw states, threshold 0.9",
    "encoded, threshold 0.9",
    "cue",
    "raw states, threshold -1",
    "encoded, threshold 1e-3",
]


def test_conditions_are_lines_over_the_number_that_they_end_in() -> None:
    label, panels = curve_panels(THRESHOLDS, ["test", "noisy"])
    assert (label, [panel.title for panel in panels]) == ("threshold", ["test", "noisy"])
    assert panels[1].names == ["raw states", "encoded", "cue"]
    assert panels[1].lines == {
        "raw states": [(-1.0, THRESHOLDS[3], "noisy"), (0.9, THRESHOLDS[0], "noisy")],
        "encoded": [(0.001, THRESHOLDS[4], "noisy"), (0.9, THRESHOLDS[1], "noisy")],
    }
    assert [point.condition for point in panels[1].levels] == ["cue"]


@pytest.mark.parametrize(("ends", "label"), [(["10 %", "20 %"], "noise (%)"), (["10 %", "0.2"], "noise")], ids=str)
def test_a_unit_that_all_numbers_have_is_named(ends: list[str], label: str) -> None:
    assert curve_panels([f"{key}, noise {end}" for key in ("cue", "state") for end in ends], ["test"])[0] == label


def test_a_number_of_its_own_is_a_level() -> None:
    _, (panel,) = curve_panels(["stack 5", "stack 10", "append 500"], ["test"])
    assert list(panel.lines) == ["stack"]
    assert [point.condition for point in panel.levels] == ["append 500"]


def test_lines_that_end_unlike_keep_their_names() -> None:
    label, (panel,) = curve_panels(["a, bits 5", "a, bits 10", "a, slots 5", "a, slots 10", "5", "6"], ["test"])
    assert label == "number in the name"
    assert list(panel.lines) == ["a, bits", "a, slots", ""]


def test_otherwise_evaluations_are_the_axis() -> None:
    label, (panel,) = curve_panels(["append, threshold 0.9", "stack"], ["20 %", "0 %", "40 %"])
    assert (label, panel.title, panel.levels) == ("evaluation (%)", "", [])
    assert panel.names == ["append, threshold 0.9", "stack"]
    assert [(point.x, point.evaluation) for point in panel.lines["stack"]] == [
        (0.0, "0 %"),
        (20.0, "20 %"),
        (40.0, "40 %"),
    ]
    assert curve_panels(["a", "b"], ["flipped bits 1", "flipped bits 2"])[0] == "flipped bits"


@pytest.mark.parametrize("evaluations", [["0 %"], ["0 %", "noisy"], ["0 %", "20"], ["bits 1", "slots 2"]], ids=str)
def test_names_without_numbers_have_no_curve(evaluations: list[str]) -> None:
    with pytest.raises(InputError, match=r"^report: figure is 'curve': .*conditions are 'a', 'b2'"):
        curve_panels(["a", "b2"], evaluations)
