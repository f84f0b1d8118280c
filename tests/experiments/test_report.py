from pathlib import Path
from typing import Any

import pytest

from experiments.report import main, picture_folder, read_entries, report_text
from experiments.results import write_rows
from tests.experiments.reports import REWARDS, rows, write_grid
from tests.tiny import PROJECT


def made(folder: Path, *grids: Path) -> dict[str, bytes]:
    """Every file that the command writes."""
    output = folder / "docs" / "report.md"
    assert main([*map(str, grids), "--results", str(folder), "--output", str(output)]) == 0
    return {path.name: path.read_bytes() for path in (folder / "docs").rglob("*") if path.is_file()}


def test_a_section_has_question_answer_picture_table_and_command(tmp_path: Path) -> None:
    grid = write_grid(tmp_path, "small", {})
    files = made(tmp_path, grid)
    assert sorted(files) == ["report.md", "small.png"]
    text = files["report.md"].decode()
    parts = [
        "## Which is best?\n\nThe *stack*.\n\n![",
        "](report/small.png)\n\n*Interquartile means of the reward",
        "| append | 7.00 [6.00, 8.00] |",
        "Interquartile means of the reward over 1 to 2 seeds",
        "**Fewer than 10 seeds:**",
        "[small.yaml](../small.yaml); every seed's figures: [small.csv](../small.csv)",
        f"-m experiments.run {grid.as_posix()} ",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_same_results_make_the_same_bytes(tmp_path: Path) -> None:
    grids = [write_grid(tmp_path, "bars", {}), write_grid(tmp_path, "curve", {"figure": "curve"})]
    first = made(tmp_path, *grids)
    for path in (tmp_path / "docs").rglob("*.*"):
        path.unlink()
    assert made(tmp_path, *grids) == first


def test_sections_are_in_their_order_and_grids_without_one_left_out(tmp_path: Path) -> None:
    reports: dict[str, dict[str, Any] | None] = {"c": {"order": 2}, "a": {}, "d": {"order": 1.5}, "b": {}, "none": None}
    grids = [write_grid(tmp_path, name, report) for name, report in reports.items()]
    assert [entry.grid.name for entry in read_entries(grids, tmp_path)] == ["d", "c", "a", "b"]


def test_the_head_lists_questions_with_short_answers(tmp_path: Path) -> None:
    grids = [write_grid(tmp_path, "told", {"order": 1, "short": "The stack."}), write_grid(tmp_path, "untold", {})]
    many = {kind: tuple(float(seed) for seed in range(10)) for kind in REWARDS}
    write_rows(tmp_path / "untold.csv", rows(many))
    text = made(tmp_path, *grids)["report.md"].decode()
    assert "- [Which is best?](#told) The stack. (1 to 2 seeds)\n- [Which is best?](#untold)\n\n" in text
    assert '<a id="told"></a>\n\n## Which is best?\n' in text


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--results", str(tmp_path), "--output", str(tmp_path / "docs" / "report.md")]

    def complaint(path: Path) -> str:
        assert main([str(path), *options]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ")
        assert told.count("\n") == 1
        return told

    assert "no grid has a section report" in complaint(write_grid(tmp_path, "none", None))
    metric = complaint(write_grid(tmp_path, "metric", {"metric": "test/rewrd"}))
    assert (
        "metric.yaml: report: metric: 'test/rewrd' is none of the results', which are test/recall_accuracy," in metric
    )
    assert "report: order is 'x'" in complaint(write_grid(tmp_path, "order", {"order": "x"}))
    path = write_grid(tmp_path, "empty", {})
    write_rows(tmp_path / "empty.csv", rows({("append", "0 %"): (float("nan"),)}))
    assert "metric is 'test/reward': none of the results has a number there" in complaint(path)
    write_rows(tmp_path / "empty.csv", [])
    assert "empty: there are no results yet" in complaint(path)
    (tmp_path / "empty.csv").unlink()
    assert "empty.csv do not exist: python -m experiments.run makes them" in complaint(path)
    assert not (tmp_path / "docs").exists()


def test_the_shipped_report_is_that_of_the_shipped_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    output = Path("docs/results.md")
    entries = read_entries(sorted(Path("experiments").glob("*.yaml")), Path("results"))
    assert output.read_text(encoding="utf-8") == report_text(entries, output), "make report brings it up to date"
    pictures = {path.name for path in picture_folder(output).iterdir()}
    assert pictures == {f"{entry.grid.name}.png" for entry in entries}


def test_of_all_grids_those_without_results_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    for name in ("done", "new"):
        write_grid(tmp_path / "experiments", name, {})
    (tmp_path / "experiments" / "new.csv").unlink()
    assert main(["--results", "experiments", "--output", "report.md"]) == 0
    assert "not in the report, since they have no results yet: new" in capsys.readouterr().err
    assert "(#done)" in (tmp_path / "report.md").read_text()


def test_results_under_other_names_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = write_grid(tmp_path, "renamed", {}, evaluations={"none": {}})
    assert main([str(grid), "--results", str(tmp_path), "--output", str(tmp_path / "r.md")]) == 2
    assert "renamed: the results are of other conditions or evaluations" in capsys.readouterr().err
