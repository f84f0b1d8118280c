from pathlib import Path

import pytest
import yaml

from episodic.errors import InputError
from experiments.results import Row, write_rows
from experiments.table import main, markdown_table
from tests.experiments.grids import grid, said


def row(condition: str, evaluation: str, seed: int, reward: float, recall: float | None = None) -> Row:
    metrics = {"test/reward": reward} if recall is None else {"test/reward": reward, "test/recall_accuracy": recall}
    return Row(condition, evaluation, seed, metrics, "abc", 1.0)


ROWS = [
    row("append", "0 %", 1, 8.0, 0.5),
    row("append", "0 %", 2, 6.0, 0.75),
    row("append", "20 %", 1, 5.0, 0.25),
    row("stack", "0 %", 2, 6.5, float("nan")),
    row("stack", "0 %", 1, 8.5),
    row("stack", "0 %", 3, 1.0, 0.123),
    row("gone", "0 %", 1, 1.0),
]


def test_the_table_is_that_made_by_hand() -> None:
    """Resamples of two values have quantiles at the values themselves, so all figures are known.

    Of the three rewards of `stack`, 1.0, 6.5 and 8.5, a resample of three has 1.0 alone with probability 1/27.
    """
    made = markdown_table(grid(), ROWS).splitlines()
    assert made[:5] == [
        "| condition | 0 %: reward | 0 %: recall accuracy | 0 %: reward - baseline "
        "| 20 %: reward | 20 %: recall accuracy | 20 %: reward - baseline |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| append | 7.00 [6.00, 8.00] (n = 2) | 62.5 % [50.0, 75.0] (n = 2) | - | 5.00 (n = 1) | 25.0 % (n = 1) | - |",
        "| mean keys | - | - | - | - | - | - |",
        "| stack | 5.33 [1.00, 8.50] | 12.3 % (n = 1) | +0.50 [+0.50, +0.50] (n = 2) | - | - | - |",
    ]
    assert made[5] == ""
    for told in ("Means over 3 seeds", "95 % intervals", "percentile bootstrap", "'append'", "paired", "Revision abc."):
        assert told in made[6]
    assert len(made) == 7


def test_one_seed_has_no_interval_and_no_baseline_no_difference() -> None:
    made = markdown_table(grid(baseline=None, evaluations={"0 %": {}}), [ROWS[0], ROWS[4]]).splitlines()
    assert made[0] == "| condition | 0 %: reward | 0 %: recall accuracy |"
    assert made[2] == "| append | 8.00 | 50.0 % |"
    assert made[-1] == "1 seed a condition. Revision abc."


def test_helpers_have_no_row_and_own_evaluations_a_column() -> None:
    conditions = {"append": {"evaluations": {}}, "stack": {"evaluations": {"other": {}}}, "plain": {}}
    rows = [row("stack", "other", 1, 8.0), row("plain", "0 %", 1, 6.0), row("append", "0 %", 1, 5.0)]
    made = markdown_table(grid(conditions=conditions, baseline="stack", metrics=["test/reward"]), rows).splitlines()
    assert made[0] == (
        "| condition | 0 %: reward | 0 %: reward - baseline | 20 %: reward | 20 %: reward - baseline "
        "| other: reward | other: reward - baseline |"
    )
    assert made[2:4] == ["| stack | - | - | - | - | 8.00 | - |", "| plain | 6.00 | - | - | - | - | - |"]
    assert made[4] == ""


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    made = markdown_table(grid(conditions={"a|b": {}}, baseline=None), [row("a|b", "0 %", 1, 8.0, 0.5)])
    assert made.splitlines()[2].startswith(r"| a\|b | 8.00 |")


def test_a_metric_that_no_row_has_is_an_error() -> None:
    with pytest.raises(InputError, match="'test/rewrd' is none of the results', which are test/recall_accuracy, test"):
        markdown_table(grid(metrics=["test/rewrd"]), ROWS)
    with pytest.raises(InputError, match="small: there are no results yet"):
        markdown_table(grid(), [])


def test_plain_leaves_out_the_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(said(), sort_keys=False))
    write_rows(tmp_path / "small.csv", ROWS)
    assert main([str(path), "--results", str(tmp_path), "--plain"]) == 0
    plain = capsys.readouterr().out
    assert "baseline" not in plain
    assert "| stack | 5.33" in plain


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(said(), sort_keys=False))
    assert main([str(path), "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: results ")
    write_rows(tmp_path / "small.csv", ROWS)
    assert main([str(path), "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().out == markdown_table(grid(), ROWS) + "\n"
