from typing import Any

import pytest

from episodic.errors import InputError
from experiments.report_section import ReportSection
from tests.experiments.grids import grid
from tests.experiments.reports import REPORT, reported


def test_what_is_not_said_has_a_default() -> None:
    _, section = reported()
    assert section == ReportSection("Which is best?", "The *stack*.", "test/reward")
    assert (section.figure, section.chance, section.ideal, section.order) == ("bars", None, None, None)


def test_what_is_said_is_kept() -> None:
    more = {
        "answer": "Two\nlines.\n",
        "metric": "test/regret",
        "chance": 1.8,
        "ideal": 8,
        "figure": "curve",
        "order": 2,
        "short": " Yes. ",
    }
    _, section = reported(more)
    assert section == ReportSection("Which is best?", "Two\nlines.", "test/regret", 1.8, 8, "curve", 2, short="Yes.")


def test_a_grid_without_one_is_in_no_report() -> None:
    assert grid().report is None


@pytest.mark.parametrize(
    ("report", "complaint"),
    [
        (["x"], r"report is \['x'\]: it must be a mapping with question and answer"),
        ({"answr": "x"}, "report: key is 'answr': it must be one of question, short, answer, chance"),
        ({"question": None}, "report: question is None: it must be text"),
        ({"question": " "}, "report: question is ' ': it must be text"),
        ({"question": "a\nb"}, r"report: question is 'a\\nb': it must be one sentence on one line"),
        ({"short": "a\nb"}, r"report: short is 'a\\nb': it must be one sentence on one line"),
        ({"short": 1}, "report: short is 1: it must be text"),
        ({"answer": 3}, "report: answer is 3: it must be text"),
        ({"metric": 3}, "report: metric is 3: it must be a name such as test/reward"),
        ({"chance": "low", "ideal": 1}, "report: chance is 'low': it must be a number"),
        ({"chance": True, "ideal": 1}, "report: chance is True: it must be a number"),
        ({"chance": 0, "ideal": float("nan")}, "report: ideal is nan: it must be a number"),
        ({"chance": 0.5}, "report: ideal is None: with chance it must be there"),
        ({"ideal": 0.5}, "report: chance is None: with ideal it must be there"),
        ({"chance": 1, "ideal": 1.0}, "report: ideal is 1.0: it has to differ from chance"),
        ({"chance": 1, "ideal": {"0 %": 8}}, "report: ideal is {'0 %': 8}: it has to have a number for '20 %' too"),
        ({"chance": 1, "ideal": {"0 %": 8, "20 %": 1}}, "report: ideal is .*: it has to differ from chance"),
        ({"chance": 1, "ideal": {"0 %": 8, "20 %": 9, "5 %": 8}}, "report: ideal: evaluation is '5 %': it must be"),
        ({"chance": 1, "ideal": {"0 %": 8, "20 %": None}}, "report: ideal: 20 % is None: it must be a number"),
        ({"figure": "pie"}, "report: figure is 'pie': it must be one of bars, curve"),
        ({"order": "first"}, "report: order is 'first': it must be a number"),
    ],
    ids=str,
)
def test_a_mistake_is_named_in_one_line(report: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=f"^{complaint}") as raised:
        grid(report={**REPORT, **report} if isinstance(report, dict) else report)
    assert "\n" not in str(raised.value)


def test_a_curve_needs_numbers() -> None:
    complaint = r"^report: figure is 'curve': conditions .* conditions are 'append', .*, evaluations '0 %', 'noisy'$"
    with pytest.raises(InputError, match=complaint):
        reported({"figure": "curve"}, evaluations={"0 %": {}, "noisy": {}})
