import pytest

from episodic.errors import InputError
from experiments.baselines import baseline_of, check_baseline
from experiments.comparison import compare
from experiments.results import Row
from experiments.table import markdown_table
from tests.experiments.grids import grid

NAMES = ["cue, noise 0 %", "states, noise 0 %", "cue, noise 20 %", "states, noise 20 %", "label"]
CONDITIONS = {name: {"model.loss.discount": 0.1 * place} for place, name in enumerate(NAMES)}


def test_one_baseline_is_that_of_all_others() -> None:
    assert [baseline_of(name, "label", NAMES) for name in NAMES] == ["label"] * 4 + [None]
    assert baseline_of("label", None, NAMES) is None


def test_a_star_stands_for_what_follows_the_comma() -> None:
    found = [baseline_of(name, "cue, *", NAMES) for name in NAMES]
    assert found == [None, "cue, noise 0 %", None, "cue, noise 20 %", None]


def test_the_last_comma_counts() -> None:
    assert baseline_of("states, raw, noise 0 %", "cue, *", NAMES) == "cue, noise 0 %"


def test_a_setting_of_which_there_is_no_baseline() -> None:
    assert baseline_of("states, noise 30 %", "cue, *", NAMES) is None


@pytest.mark.parametrize("baseline", ["cue *", "cues, *", "cue"])
def test_a_baseline_that_is_no_condition_is_named(baseline: str) -> None:
    with pytest.raises(InputError, match=r"^baseline is ") as error:
        check_baseline(baseline, NAMES)
    assert "\n" not in str(error.value)
    assert "cue, noise 20 %" in str(error.value)


def test_each_is_compared_with_its_own() -> None:
    rewards = dict(zip(NAMES, (8.0, 7.0, 6.0, 6.5, 8.5), strict=True))
    rows = [
        Row(name, "0 %", seed, {"test/reward": reward + seed, "test/recall_accuracy": 1.0}, "abc", 1.0)
        for name, reward in rewards.items()
        for seed in (1, 2)
    ]
    found = grid(conditions=CONDITIONS, evaluations={"0 %": {}}, seeds=[1, 2], baseline="cue, *")
    differences = {name: each.difference for (name, _), each in compare(found, "test/reward", rows).items()}
    values = {name: None if difference is None else difference.value for name, difference in differences.items()}
    assert values == dict(zip(NAMES, (None, -1.0, None, 0.5, None), strict=True))
    lines = [line.split(" | ") for line in markdown_table(found, rows).splitlines()]
    assert [line[-1].split()[0] for line in lines[2:7]] == ["-", "-1.00", "-", "+0.50", "-"]
