from pathlib import Path

import pytest

from experiments.curve_files import curves_path
from experiments.grid_files import csv_path
from experiments.paper import EXPERIMENTS, OMNIGLOT
from experiments.player_files import player_path
from experiments.regret_files import regret_path
from experiments.reproduction import main, read_all
from experiments.reproduction_page import page_text
from tests.experiments.reproductions import write_results
from tests.tiny import PROJECT

FILES = [
    *(path(Path(), experiment.grid).name for experiment in EXPERIMENTS for path in (csv_path, curves_path)),
    regret_path(Path(), OMNIGLOT.grid).name,
    player_path(Path()).name,
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_results(tmp_path / "results")
    return tmp_path / "results"


def made(results: Path, output: Path) -> dict[str, bytes]:
    """Every file that the command writes."""
    assert main(["--results", str(results), "--output", str(output)]) == 0
    return {path.name: path.read_bytes() for path in output.parent.iterdir()}


def test_the_same_results_make_the_same_page(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = made(results, tmp_path / "docs" / "page.md")
    assert sorted(files) == ["page.md", "page.png"]
    assert capsys.readouterr().out == f"{tmp_path}/docs/page.md; picture {tmp_path}/docs/page.png\n"
    assert made(results, tmp_path / "docs" / "page.md") == files


def complaint(results: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says where something is missing; it writes nothing then."""
    output = results.parent / "docs" / "page.md"
    assert main(["--results", str(results), "--output", str(output)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert not output.parent.exists()
    return told


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_one_line(name: str, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / name).unlink()
    assert f"{name} do not exist: python -m experiments." in complaint(results, capsys)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("barcode_bandit.csv", "L2RL+context", "other", "no row of 'L2RL+context': python -m experiments.run exp"),
        ("omniglot_bandit.csv", "new characters", "test", "omniglot_bandit.csv have no row of 'epL2RL': "),
        ("barcode_bandit.csv", "ideal_fraction", "x", "a row of 'epL2RL' without test/ideal_fraction: "),
        ("omniglot_bandit_curves.csv", "train/reward", "train/loss", "no train/reward of 'epL2RL': "),
        ("barcode_bandit_curves.csv", "epL2RL", "other", "no train/reward of 'epL2RL': "),
        ("omniglot_bandit_regret.csv", '"epL2RL, nearest"', "other", "no row of 'epL2RL, nearest' at exposure 1: "),
        ("bandit_players.csv", "thompson", "other", "lack a row of 'thompson': python -m experiments.bandit_players"),
    ],
)
def test_missing_rows_are_one_line(
    name: str, old: str, new: str, told: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results / name
    path.write_text(path.read_text().replace(old, new))
    assert told in complaint(results, capsys)


def test_where_it_is_optional_missing_results_leave_the_page_as_it_was(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv_path(results, "omniglot_bandit").unlink()
    output = tmp_path / "page.md"
    output.write_text("as it was")
    assert main(["--optional", "--results", str(results), "--output", str(output)]) == 0
    assert capsys.readouterr().err.startswith("not written: ")
    assert output.read_text() == "as it was"


def test_a_seed_that_is_missing_is_no_mistake(results: Path, tmp_path: Path) -> None:
    path = csv_path(results, "omniglot_bandit")
    kept = [line for line in path.read_text().splitlines() if not line.startswith("L2RL,new characters,3,")]
    path.write_text("\n".join(kept) + "\n")
    text = made(results, tmp_path / "docs" / "page.md")["page.md"].decode()
    assert "| Omniglot bandit | L2RL | 4.2 | 4.38 [4.25, 4.50] | 10.00 | 4,000 | 2 |" in text


def test_the_shipped_page_is_that_of_the_shipped_results(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [name for name in FILES if not (PROJECT / "results" / name).is_file()]
    if missing:
        pytest.skip(f"there are no {', '.join(missing)} yet")
    monkeypatch.chdir(PROJECT)
    shipped = Path("docs/reproduction.md")
    assert shipped.is_file(), "make report writes it"
    assert shipped.with_suffix(".png").is_file()
    text = page_text(*read_all(Path("results")), Path("results"), shipped)
    assert shipped.read_text(encoding="utf-8") == text, "make report brings it up to date"
