from typing import Any

import pytest

from experiments.comparison import compare
from experiments.grid import Grid
from experiments.report_section import ReportSection
from experiments.report_table import report_note, report_tables, seeds_by_condition
from experiments.results import Row
from tests.experiments.reports import REWARDS, reported, rows


def tables(grid: Grid, section: ReportSection, found: list[Row]) -> list[str]:
    return report_tables(grid, section, compare(grid, section.metric, found), found).splitlines()


def note(grid: Grid, section: ReportSection, found: list[Row]) -> str:
    return report_note(grid, section, compare(grid, section.metric, found), found)


def test_the_tables_are_those_made_by_hand() -> None:
    """Of two values nothing is trimmed, and resamples of two have quantiles at the values themselves.

    P of (6.5, 8.5) over (6, 8): three of four pairs.
    """
    header = "| condition | reward | normalised | difference to baseline | P(higher than baseline) | seeds |"
    same = "| mean keys | 7.00 [6.00, 8.00] | 75.0 % [62.5, 87.5] "
    mixed = "| mean keys | 5.38 [4.75, 6.00] | 54.7 % [46.9, 62.5] "
    assert tables(*reported({"chance": 1, "ideal": 9}), rows()) == [
        "**Evaluation: 0 %**",
        "",
        header,
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| append | 7.00 [6.00, 8.00] | 75.0 % [62.5, 87.5] | - | - | 2 |",
        same + "| 0.000 [0.000, 0.000] n. s. | 0.50 [0.00, 1.00] | 2 |",
        "| stack | 7.50 [6.50, 8.50] | 81.2 % [68.8, 93.8] | +0.500 [+0.500, +0.500] | 0.75 [0.00, 1.00] | 2 |",
        "",
        "**Evaluation: 20 %**",
        "",
        header,
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| append | 5.25 [5.00, 5.50] | 53.1 % [50.0, 56.2] | - | - | 2 |",
        mixed + "| +0.125 [-0.250, +0.500] n. s. | 0.50 [0.00, 1.00] | 2 |",
        "| stack | 5.25 | 53.1 % | +0.250 n. s. | 0.50 | 1 |",
    ]


def test_evaluations_may_have_ideals_of_their_own() -> None:
    grid, section = reported({"chance": 1, "ideal": {"0 %": 9, "20 %": 11}})
    shares = [line.split("|")[3].strip() for line in tables(grid, section, rows()) if "| append" in line]
    assert shares == ["75.0 % [62.5, 87.5]", "42.5 % [40.0, 45.0]"]
    assert "100 % the ideal player (9.00; under '20 %' 11.00)." in note(grid, section, rows())


def test_further_figures_have_columns_without_comparison() -> None:
    grid, section = reported({"also": ["test/recall_accuracy"]}, evaluations={"0 %": {}}, baseline=None)
    assert tables(grid, section, rows())[:3] == [
        "| condition | reward | recall accuracy | seeds |",
        "| --- | ---: | ---: | ---: |",
        "| append | 7.00 [6.00, 8.00] | 50.0 % [50.0, 50.0] | 2 |",
    ]


def test_the_note_tells_what_a_star_stands_for() -> None:
    names = {"append, 1": {}, "stack, 1": {"model.memory": "StackMemory"}}
    grid, section = reported(conditions=names, evaluations={"0 %": {}}, baseline="append, *")
    found = rows({("append, 1", "0 %"): (6.0, 8.0), ("stack, 1", "0 %"): (7.0, 8.0)})
    assert "The baseline is 'append, *', where the star stands for what follows" in note(grid, section, found)


def test_without_baseline_or_chance_there_are_no_such_columns() -> None:
    grid, section = reported(baseline=None, evaluations={"0 %": {}})
    assert tables(grid, section, rows())[:3] == [
        "| condition | reward | seeds |",
        "| --- | ---: | ---: |",
        "| append | 7.00 [6.00, 8.00] | 2 |",
    ]
    assert "baseline" not in note(grid, section, rows())


def test_what_has_no_results_yet_has_no_figures() -> None:
    grid, section = reported()
    some = [row for row in rows() if row.condition != "stack"]
    assert [line for line in tables(grid, section, some) if "stack" in line] == ["| stack | - | - | - | 0 |"] * 2
    assert seeds_by_condition(grid, compare(grid, section.metric, some)) == {"append": 2, "mean keys": 2, "stack": 0}


def test_a_condition_stands_under_its_own_evaluations_alone() -> None:
    conditions: dict[str, Any] = {"append": {}, "stack": {"evaluations": {"0 %": {}}}}
    grid, section = reported(conditions=conditions)
    assert [line.split(" |")[0] for line in tables(grid, section, rows()) if line.startswith(("| a", "| s"))] == [
        "| append",
        "| stack",
        "| append",
    ]


def test_less_of_a_cost_is_better() -> None:
    costs = {("append", "0 %"): (4.0, 2.0), ("stack", "0 %"): (3.0, 1.5)}
    grid, section = reported({"metric": "test/regret", "chance": 5, "ideal": 0}, evaluations={"0 %": {}})
    made = tables(grid, section, rows(costs, "test/regret"))
    assert "P(lower than baseline)" in made[0]
    assert made[4] == (
        "| stack | 2.25 [1.50, 3.00] | 55.0 % [40.0, 70.0] | -0.750 [-1.000, -0.500] | 0.75 [0.00, 1.00] | 2 |"
    )
    assert "has a lower regret than" in note(grid, section, rows(costs, "test/regret"))


def test_the_note_says_how_it_was_made() -> None:
    made = note(*reported({"chance": 1, "ideal": 9}), rows())
    for told in (
        "Interquartile means of the reward over 1 to 2 seeds a condition",
        "95 % intervals (percentile bootstrap over seeds, 9999 resamples, random state 0)",
        "0 % is chance (1.00), 100 % the ideal player (9.00)",
        "The baseline is 'append'.",
        "n. s. (not significant): the interval holds 0",
        "Revisions abc, def.",
        "**Fewer than 10 seeds:** every condition has 1 to 2 seeds.",
    ):
        assert told in made


@pytest.mark.parametrize(("seeds", "told"), [(9, ["'stack' (9)"]), (10, [])])
def test_few_seeds_are_pointed_out(seeds: int, told: list[str]) -> None:
    rewards = {place: (1.0,) * (seeds if place[0] == "stack" else 10) for place in REWARDS}
    made = note(*reported(), rows(rewards))
    assert ("**Fewer than 10 seeds:**" in made) == bool(told)
    assert all(f"seeds:** {name}. With so few" in made for name in told)
