"""From runs to CSVs, tables, plots and pages."""

import re
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from episodic.errors import InputError
from experiments import table
from experiments.engine.job import to_do
from experiments.engine.work import work
from experiments.planning.grid import Grid
from experiments.planning.plan import grid_cells
from experiments.report import pages as report
from experiments.report import reproduction
from experiments.report.page_tables import full_tables, short_table
from experiments.report.pages import pages, read_entries, report_grids, report_text, with_results, write_report
from experiments.report.plots import report_plot
from experiments.tables.comparison import compare
from experiments.tables.files import csv_path, read_results, read_table, write_results, write_table
from experiments.tables.statistics import mean
from tests.experiments.fakes import NOISE, chain_of, fake, grid_of
from tests.runs import one_error
from tests.tiny import PROJECT

REPORT = {
    "question": "Does it help?",
    "answer": "Yes.",
    "chance": 1.0,
    "ideal": 9.0,
    "plot": {"x": "noise", "hue": "keys"},
}


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    """A grid with results in `tmp_path`: the label earns 1 more than the cue, and seed 2 more than seed 1."""
    grid = grid_of(tmp_path, baseline={"keys": "cue"}, report=REPORT, metrics=["test/reward", "test/accuracy"])
    write_table(csv_path(tmp_path, grid.name), frame_of(grid))
    return grid


def frame_of(grid: Grid) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "condition": cell.condition.name,
            **cell.condition.levels,
            "evaluation": cell.evaluation,
            "seed": cell.seed,
            "test/accuracy": 0.5,
            "test/reward": 5.0 + (cell.condition.levels.get("keys") == "label") + cell.seed / 10,
            "revision": "abc/def",
            "seconds": 1.0,
        }
        for cell in grid_cells(grid, Path("runs"))
    )


def test_a_grids_runs_become_rows(tmp_path: Path) -> None:
    grid = chain_of(tmp_path, curves=["val/reward"], regret_by_pull=True)
    cells, results = grid_cells(grid, tmp_path / "runs"), tmp_path / "results"
    for job in to_do([cell.test for cell in cells]):
        work(job, command=fake)
    written = write_results(grid, cells, results, tmp_path)
    frame = read_results(grid, results)
    assert written.csv == csv_path(results, "chain")
    assert list(frame.columns) == [
        "condition",
        "keys",
        "noise",
        "evaluation",
        "seed",
        "test/reward",
        "revision",
        "seconds",
        "total_seconds",
        "parameters",
    ]
    costs = read_results(grid, results).set_index("condition")["total_seconds"]
    assert (costs >= 0).all()
    assert list(frame["condition"][:3]) == ["cue, noise 0 %", "cue, noise 0 %", "cue, noise 20 %"]
    assert list(frame["seed"][:2]) == [1, 2]
    curves = read_table(csv_path(results, "chain", "curves"), ["keys", "noise", "step", "val/reward"])
    assert len(curves) == 8 * 2
    assert len(read_table(csv_path(results, "chain", "regret"), ["exposure", "pull", "regret"])) == 8
    before = written.csv.read_bytes()
    write_table(written.csv, read_table(written.csv, ()))
    assert written.csv.read_bytes() == before, "numbers stay as they are, to the last digit"


@pytest.mark.parametrize("revision", ["8e94905", "0123456", "6ff6ccf+"])
def test_a_revision_that_looks_like_a_number_is_none(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_table(path, pd.DataFrame({"seed": [1, 2], "revision": [revision, revision]}))
    assert list(read_table(path, ["seed"])["revision"]) == [revision] * 2


def test_more_complete_results_stay(grid: Grid, tmp_path: Path) -> None:
    before = csv_path(tmp_path, grid.name).read_bytes()
    written = write_results(grid, grid_cells(grid, tmp_path / "runs"), tmp_path, tmp_path / "runs")
    assert written.csv == csv_path(tmp_path / "runs", grid.name)
    assert csv_path(tmp_path, grid.name).read_bytes() == before


def test_several_writers_leave_one_whole_table(tmp_path: Path) -> None:
    frames = [pd.DataFrame({"seed": range(number), "x": 0.5}) for number in (500, 900)]
    path = tmp_path / "table.csv"
    threads = [Thread(target=write_table, args=(path, frame)) for frame in frames * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_table(path, ["seed"])) in (500, 900)
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "do not exist: python -m experiments.run makes them"),
        ("", "are not a CSV"),
        ("condition,seed\na,1\n", "have no column keys"),
        ("condition,keys,noise,evaluation,seed\na,b,0,c,one\n", "column seed must hold whole numbers"),
        ("condition,keys,noise,evaluation,seed\na,b,0,c,1\n", "no results of its conditions"),
    ],
)
def test_wrong_results_are_one_line(text: str | None, complaint: str, tmp_path: Path) -> None:
    grid = grid_of(tmp_path)
    if text is not None:
        csv_path(tmp_path, grid.name).write_text(text)
    with pytest.raises(InputError) as error:
        read_results(grid, tmp_path)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_conditions_are_compared_with_their_baselines(grid: Grid, tmp_path: Path) -> None:
    compared = compare(grid, "test/reward", read_results(grid, tmp_path), mean)
    label = compared["label, noise 20 %", "test"]
    assert label.score.value == pytest.approx(6.15)
    assert label.difference is not None
    assert label.difference[:3] == pytest.approx((1.0, 1.0, 1.0))
    assert label.is_significant
    assert compared["cue, noise 20 %", "test"].difference is None


def test_tables(grid: Grid, tmp_path: Path) -> None:
    frame = read_results(grid, tmp_path)
    assert grid.file.report is not None
    short = short_table(grid, "test/reward", compare(grid, "test/reward", frame))
    assert short.splitlines()[0] == "|  | noise 0 % | noise 20 % |"
    assert short.splitlines()[3] == "| label | 6.15 [6.10, 6.20] | 6.15 [6.10, 6.20] |"
    full = full_tables(grid, grid.file.report, frame).splitlines()
    assert full[0] == "| condition | reward | normalised | difference to baseline | P(higher than baseline) | seeds |"
    assert full[4].startswith("| label, noise 0 % | 6.15 [6.10, 6.20] | 64.4 % [63.7, 65.0] | +1.000 | 1.00")


def test_the_table_command(grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import yaml

    axes = {"keys": {"cue": {}, "label": {}}, "noise": NOISE}
    content = {"config": grid.file.config, "seeds": [1, 2], "metrics": ["test/reward"], "axes": axes}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**content, "baseline": {"keys": "cue"}}))
    assert table.main([str(path), "--results", str(tmp_path)]) == 0
    assert "difference to baseline" in capsys.readouterr().out
    assert table.main([str(path), "--results", str(tmp_path), "--plain"]) == 0
    assert "baseline" not in capsys.readouterr().out
    assert table.main([str(path), "--results", str(tmp_path / "none")]) == 2
    assert "do not exist" in one_error(capsys)


def texts(figure: Figure) -> list[str]:
    import matplotlib.text

    return [str(text.get_text()) for text in figure.findobj(matplotlib.text.Text)]


def test_lines_have_their_values_and_a_second_code(grid: Grid, tmp_path: Path) -> None:
    assert grid.file.report is not None
    figure = report_plot(grid, grid.file.report, read_results(grid, tmp_path))
    drawn = {
        (line.get_color(), line.get_marker()): np.asarray(line.get_ydata()).tolist()
        for line in figure.axes[0].lines
        if len(np.asarray(line.get_xdata())) == 2 and line.get_marker() in ("o", "s")
    }
    assert list(drawn.values()) == [pytest.approx([5.15, 5.15]), pytest.approx([6.15, 6.15])]
    assert len({color for color, _ in drawn}) == len({marker for _, marker in drawn}) == 2
    assert "bits" not in "".join(texts(figure))
    assert any("noise (%)" in text for text in texts(figure))


def test_lines_that_hide_each_other_are_told(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, report=REPORT)
    frame = frame_of(grid).assign(**{"test/reward": 5.0})
    assert grid.file.report is not None
    assert any("lie on each other" in text for text in texts(report_plot(grid, grid.file.report, frame)))


def test_rows_without_a_run_are_hatched(tmp_path: Path) -> None:
    content: dict[str, Any] = {**REPORT, "plot": {"panel": "noise"}}
    grid = grid_of(tmp_path, report=content, skip=[{"keys": "label", "noise": 0.2}])
    assert grid.file.report is not None
    figure = report_plot(grid, grid.file.report, frame_of(grid))
    assert "not run" in texts(figure)
    hatched = [patch for axes in figure.axes for patch in axes.patches if patch.get_hatch()]
    assert len(hatched) == 1


@pytest.fixture
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)


@pytest.mark.slow
@pytest.mark.usefixtures("in_project")
def test_the_shipped_report_is_that_of_the_shipped_results() -> None:
    entries = read_entries(with_results(report_grids(), Path("results")), Path("results"))
    text = Path("docs/results.md").read_text()
    assert text == report_text(entries)
    assert len(text.split()) <= 5000
    for entry in entries:
        page = Path("docs/results") / f"{entry.grid.name}.md"
        assert page.read_text() == report.page_text(entry)
        sentences = re.split(r"(?<=[.?!])\s+", entry.report.answer.strip())
        assert 1 <= len(sentences) <= 5, entry.grid.name


@pytest.mark.usefixtures("in_project")
def test_links_of_the_shipped_pages_lead_somewhere() -> None:
    for page in (Path("docs/results.md"), *Path("docs/results").glob("*.md"), Path("docs/reproduction.md")):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page}: {link}"


def test_a_report_is_written_with_pages_and_plots(
    grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grid.file.report is not None
    frame = read_results(grid, tmp_path)
    compared = compare(grid, "test/reward", frame)
    entry = report.Entry(tmp_path / "small.yaml", tmp_path / "small.csv", grid, grid.file.report, frame, compared)
    output = tmp_path / "docs" / "results.md"
    write_report([entry], output)
    assert "(2 seeds.)" in output.read_text()
    assert {path.name for path in pages(output).iterdir()} == {"small.md", "small.png"}
    before = (pages(output) / "small.png").read_bytes()
    write_report([entry], output)
    assert (pages(output) / "small.png").read_bytes() == before
    assert report.main([str(tmp_path / "nothing.yaml")]) == 2
    assert "does not exist" in one_error(capsys)


@pytest.mark.usefixtures("in_project")
def test_the_shipped_reproduction_is_that_of_the_shipped_results() -> None:
    found = reproduction.read_all(Path("results"))
    assert Path("docs/reproduction.md").read_text() == reproduction.page_text(
        found, Path("results"), reproduction.OUTPUT
    )


@pytest.mark.usefixtures("in_project")
def test_missing_results_of_the_reproduction_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "page.md"
    arguments = ["--results", str(tmp_path), "--output", str(output)]
    assert reproduction.main(arguments) == 2
    assert "barcode_bandit.csv do not exist" in one_error(capsys)
    assert reproduction.main([*arguments, "--optional"]) == 0
    assert not output.exists()
    assert "not written" in capsys.readouterr().err


@pytest.mark.usefixtures("in_project")
def test_the_reproduction_draws_what_it_tells(tmp_path: Path) -> None:
    output = tmp_path / "reproduction.md"
    assert reproduction.main(["--output", str(output)]) == 0
    assert output.with_suffix(".png").is_file()
    assert "| Barcode bandit | epL2RL | 7.6 | 8.37 [8.37, 8.38] |" in output.read_text()


def test_deviations_hold_the_numbers_of_configs_and_grid() -> None:
    import yaml

    text = " ".join((PROJECT / "experiments" / "report" / "deviations.md").read_text().split())
    config = yaml.safe_load((PROJECT / "configs" / "barcode_bandit.yaml").read_text())
    grid = yaml.safe_load((PROJECT / "experiments" / "grids" / "barcode_bandit.yaml").read_text())["options"]
    model, data = config["model"]["init_args"], config["data"]["init_args"]
    omniglot = yaml.safe_load((PROJECT / "configs" / "omniglot_bandit.yaml").read_text())["model"]["init_args"]
    schedule = model["loss"]["entropy_weight"]["init_args"]
    for sentence in (
        f"Discount {model['loss']['discount']}",
        f"entropy weight that falls linearly from {schedule['start']} to {schedule['end']:g}",
        f"a learning rate that falls linearly from {grid['model.optimizer.lr']:g} to a hundredth",
        f"{grid['data.environments']} environments play an episode",
        f"a cosine of {model['memory']['init_args']['threshold']} for barcodes",
        f"{omniglot['memory']['init_args']['threshold']} for drawings",
        f"by at most {omniglot['memory']['init_args']['slack']} count",
    ):
        assert sentence in text, sentence
    assert data["task"]["class_path"] == "BarcodeBandit"
