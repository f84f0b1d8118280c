"""All grids of the report one after the other: small ones, from start to end."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.commands import results
from experiments.commands.results import main
from experiments.grid import Grid, read_grid
from experiments.results import Row, read_rows, write_rows
from experiments.revision import source_revision
from tests.experiments.grids import tiny_overrides
from tests.repository import commit_all, without_git_variables
from tests.tiny import PROJECT

REPORT = {"question": "Which is best?", "answer": "The *stack*."}
CONDITIONS: dict[str, Any] = {"append": {}, "stack": {"model.memory": "StackMemory"}}


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs are named relative to the working directory."""
    monkeypatch.chdir(PROJECT)


def write(folder: Path, name: str, conditions: dict[str, Any] = CONDITIONS, **report: Any) -> Path:
    """A grid of one seed; its section of the report says `report` besides."""
    said = {
        "config": "configs/barcode_bandit.yaml",
        "seeds": [1],
        "overrides": tiny_overrides(1),
        "conditions": conditions,
        "metrics": ["test/reward"],
        "report": {**REPORT, **report},
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    return path


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where everything is kept, with two grids of which the second needs no training of its own."""
    monkeypatch.setattr(results, "GRIDS", tmp_path / "grids")
    write(tmp_path / "grids", "second", {"plain": {}}, order=2)
    write(tmp_path / "grids", "first", order=1)
    places = {"root": "runs", "results": "results", "output": "docs/results.md"}
    return [f"--{name}={tmp_path / place}" for name, place in places.items()]


def test_the_shipped_grids_are_in_the_reports_order() -> None:
    paths = results.chosen_grids()
    orders = [report.order for path in paths if (report := read_grid(path).report) is not None]
    assert len(orders) == len(paths) > 3
    assert orders == sorted(orders, key=lambda order: (order is None, order or 0.0))


def test_all_grids_are_run_and_the_report_written(
    tmp_path: Path, options: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 0
    told = capfd.readouterr()
    assert re.search(r"1 of 2: .*first\.yaml.*2 of 2: .*second\.yaml", told.err, re.DOTALL)
    assert "[1/1] test plain / test / seed 1" in told.err  # trained by the first grid
    assert re.search(r"first +│ 2 of 2 .*second +│ 1 of 1 ", told.out, re.DOTALL)
    assert len(read_rows(tmp_path / "results" / "first.csv")) == 2
    assert (tmp_path / "docs" / "results.md").read_text().count("## Which is best?") == 2
    assert (tmp_path / "docs" / "results" / "second.png").is_file()
    assert main(options) == 0
    assert "test plain" not in capfd.readouterr().err


def stand_in(*missing: str, interrupted: bool = False) -> Callable[..., int]:
    """In place of the runner: writes results, but for some conditions; may be interrupted at the end."""

    def run(grid: Grid, root: Path, folder: Path, workers: int, part: str = "1/1", outputs: Sequence[Path] = ()) -> int:
        done = [name for name in grid.tested if name not in missing]
        rows = [Row(name, "test", 1, {"test/reward": float(len(name))}, "abc", 1.0) for name in done]
        write_rows(folder / f"{grid.name}.csv", rows)
        if interrupted:
            raise KeyboardInterrupt
        return int(bool(missing))

    return run


def test_results_are_kept_until_a_grid_is_complete_then_compared(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main(options) == 0
    before = tmp_path / "results" / "first.csv"
    kept = before.read_text()
    monkeypatch.setattr(results, "run_grid", stand_in("stack", interrupted=True))
    assert main(options) == 130
    assert before.read_text() == kept
    assert "interrupted: the same command goes on from here" in capsys.readouterr().err
    before.write_text(kept.replace("stack,test,1,", "stack,test,1,9"))
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main(options) == 0
    assert "first: 1 of 2 figures of the reward are what they were before" in capsys.readouterr().out
    assert before.read_text() == kept


def test_who_reads_results_while_they_are_replaced_reads_all_of_the_old(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "results" / "first.csv"
    write_rows(kept, [Row("append", "test", 1, {"test/reward": 2.0}, "old", 1.0)])
    before = kept.read_text()
    monkeypatch.setattr(results, "run_grid", stand_in())
    with kept.open() as reader:
        assert main(options) == 0
        assert reader.read() == before
    assert kept.read_bytes() == (tmp_path / "runs" / "first.csv").read_bytes()


def test_damaged_results_are_replaced_and_the_other_grids_run(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "run_grid", stand_in())
    (tmp_path / "results").mkdir()
    for damaged in (b"<<<<<<< HEAD\n", b"\xff\xfe"):
        (tmp_path / "results" / "first.csv").write_bytes(damaged)
        assert main(options) == 0
        told = capsys.readouterr()
        assert "first: not compared with what was there before: results " in told.out
        assert "2 of 2: " in told.err
        assert len(read_rows(tmp_path / "results" / "first.csv")) == 2


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_no_grid_is_dirty_because_of_what_those_before_it_made(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ["results/first.csv", "docs/results.md", "docs/results/first.png", "docs/reproduction.md"]
    for name in [*made, "docs/reproduction.png", "docs/other.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    without_git_variables(monkeypatch)
    commit_all(tmp_path)
    clean = source_revision(tmp_path)
    revisions: list[str] = []

    def run(grid: Grid, root: Path, folder: Path, *rest: Any, outputs: Sequence[Path], **more: Any) -> int:
        revisions.append(source_revision(tmp_path, [folder, *outputs]))
        return stand_in()(grid, root, folder, 1)

    monkeypatch.setattr(results, "run_grid", run)
    for _ in range(2):
        assert main(options) == 0
        for name in ("docs/reproduction.md", "docs/reproduction.png"):
            (tmp_path / name).write_text("new")
    assert revisions == [clean] * 4
    (tmp_path / "docs" / "other.md").write_text("new")
    assert main(options) == 0
    assert revisions[4:] == [f"{clean}-dirty"] * 2


def test_a_grid_that_failed_is_told_and_the_others_are_in_the_report(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "run_grid", stand_in("plain"))
    assert main(options) == 1
    told = capsys.readouterr()
    assert re.search(r"first +│ 2 of 2 .*second +│ 0 of 1 ", told.out, re.DOTALL)
    assert "not in the report, since they have no results yet: second" in told.err
    assert (tmp_path / "docs" / "results.md").read_text().count("## Which is best?") == 1
    assert not (tmp_path / "results" / "second.csv").exists()


def test_one_grid_alone_is_run_with_the_curves_that_it_asks_for(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = yaml.safe_load((tmp_path / "grids" / "first.yaml").read_text())
    (tmp_path / "grids" / "first.yaml").write_text(yaml.safe_dump({**said, "curves": ["val/reward"]}))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first_curves.csv").write_text("step")
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main([*options, "--only=irs"]) == 0
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["first.csv", "first_curves.csv"]
    assert "1 of 1" in capsys.readouterr().err


def test_a_share_of_the_trainings_writes_no_report(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main([*options, "--shard=1/2"]) == 0
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--only=third", "--only is 'third': it must be part of the name of a grid in the report, of first, second"),
        ("--shard=3/2", "--shard is '3/2': it must be i/n"),
        ("--workers=-1", "--workers is -1: it must be 0 or more"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], argument: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options, argument]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith(f"error: {complaint}")


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--results={}/file", "--results is {}/file: it must be a folder"),
        ("--results={}/file/below", "--results is {}/file/below: it must be a folder"),
        ("--results={}/docs/../runs", "--results is {}/docs/../runs: it must be another folder than --root"),
        ("--output={}/file/results.md", "--output is {}/file/results.md: {}/file has to be a folder"),
        ("--output={}/docs/results", "--output is {}/docs/results: it has to have an ending, as docs/results.md has"),
        (
            "--output={}/reproduction.md",
            "--output is {}/reproduction.md: the reproduction page is written there, it needs another name",
        ),
        ("--output={}/folder.md", "--output is {}/folder.md: it must be a file"),
        ("--output={}/file.md", "--output is {}/file.md: {}/file has to be a folder"),
    ],
)
def test_what_is_in_the_way_is_told_before_the_first_grid(
    argument: str,
    complaint: str,
    tmp_path: Path,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    for name in ("docs", "folder.md"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main([*options, argument.replace("{}", str(tmp_path))]) == 2
    assert capsys.readouterr().err == f"error: {complaint.replace('{}', str(tmp_path))}\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("argument", ["--only=first", "--shard=1/2", "--results=other", "--output=docs/other.md"])
def test_the_quick_grid_takes_nothing_that_it_would_not_heed(
    argument: str, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main(["--quick", options[0], argument]) == 2
    name, _, value = argument.partition("=")
    assert capsys.readouterr().err == f"error: {name} is '{value}': with --quick it has no effect, leave it out\n"


def test_elsewhere_it_says_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert "folder experiments does not exist: run this in the project's folder" in capsys.readouterr().err


def test_the_quick_grid_is_small_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = read_grid(results.QUICK)
    assert len(shipped.seeds) * len(shipped.conditions) <= 12
    assert shipped.report is not None
    monkeypatch.setattr(results, "QUICK", write(tmp_path, "small"))
    monkeypatch.setattr(results, "run_grid", stand_in())
    assert main(["--quick", f"--root={tmp_path / 'runs'}", "--workers=1"]) == 0
    assert "report: " in capsys.readouterr().out
    assert "Which is best?" in (tmp_path / "runs" / "small.md").read_text()
    assert (tmp_path / "runs" / "small" / "small.png").is_file()
