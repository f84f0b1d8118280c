import pytest

from experiments.display import Display
from experiments.selection import job_order
from experiments.worker import Outcome
from tests.experiments.grids import cells

JOBS = job_order(cells(conditions={"[red]a": {}}, baseline=None, seeds=[1]))
DONE, FAILED = Outcome(0, "", 12.3), Outcome(1, "error: [bold]no", 1.0)


def test_without_a_terminal_every_job_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(4) as display:
        display.update(JOBS, 150.0)
        display.ended(JOBS[0], DONE, None)
        display.ended(JOBS[1], FAILED, 30.0)
        display.cancelled(1)
        display.ended(JOBS[2], DONE, 150.0)
    assert capsys.readouterr().err.splitlines() == [
        "[1/4] train [red]a / seed 1: 12 s",
        "failed: test [red]a / 0 % / seed 1: error: [bold]no",
        "[4/4] test [red]a / 20 % / seed 1: 12 s, 2 min left",
    ]


def test_on_a_terminal_there_is_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with Display(3) as display:
        display.ended(JOBS[0], DONE, None)
        display.ended(JOBS[1], FAILED, None)
        display.update(JOBS[1:2], 150.0)
    told = capsys.readouterr().err
    for part in ("2/3", "2 min left", "test [red]a / 0 % / seed 1", "failed: test [red]a"):
        assert part in told
    assert "12 s" not in told
