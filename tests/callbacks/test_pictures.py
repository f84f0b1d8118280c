"""Pictures and embeddings reach the run's folder and every logger that can show them, at the step of the metrics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.metrics_csv import MetricsCSV
from callbacks.pictures import CARD_PIXELS, Embedding, keeps_files, log_embedding, log_picture, rendered
from episodic.plots.style import new_figure
from tests.callbacks.stand_ins import Trainer

EMBEDDING = Embedding(torch.randn(3, 4), [["a", 1], ["b", 2], ["c", 3]], ["class", "number"])


def trainer(folder: Path, loggers: Sequence[Any] = (), **state: Any) -> Any:
    stand_in = Trainer(folder, loggers=loggers)
    for name, value in state.items():
        setattr(stand_in, name, value)
    return stand_in


@pytest.mark.parametrize(("logged", "step"), [({}, 7), ({"step": torch.tensor(6400.0)}, 6400)])
def test_a_picture_reaches_the_folder_and_tensorboard_at_the_step_of_the_metrics(
    logged: dict[str, torch.Tensor], step: int, tmp_path: Path
) -> None:
    board = TensorBoardLogger(str(tmp_path), name="", version="")
    others = [CSVLogger(str(tmp_path / "csv")), MetricsCSV(tmp_path / "a")]
    run = trainer(tmp_path, [board, *others], logged_metrics=logged)
    log_picture(run, new_figure(2, 2), "regret")
    log_picture(run, new_figure(2, 2), "other", file=False)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"regret.png"}
    board.experiment.flush()
    events = EventAccumulator(str(next(tmp_path.glob("events*")))).Reload()
    assert set(events.Tags()["images"]) == {"figures/regret", "figures/other"}
    assert [image.step for image in events.Images("figures/regret")] == [step]


def test_loggers_get_a_small_drawing_with_text_of_the_usual_size() -> None:
    figure = new_figure(8.0, 4.0)
    picture = rendered(figure)
    assert picture.shape == (CARD_PIXELS // 2, CARD_PIXELS, 3)
    assert figure.get_size_inches().tolist() == [8.0, 4.0], "the file is as large as before"
    assert rendered(new_figure(12.0, 6.0, rows=2, columns=4)).shape == (600, 1200, 3), "panels need room"


def test_an_embedding_reaches_the_projector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = TensorBoardLogger(str(tmp_path), name="", version="")
    run = trainer(tmp_path, [board])
    log_embedding(run, EMBEDDING, "keys")
    log_embedding(run, EMBEDDING, "keys")  # a test that is repeated
    log_embedding(run, Embedding(torch.empty(0, 4), [], ["class"]), "nothing")
    rows = next(tmp_path.glob("*/keys/metadata.tsv")).read_text().splitlines()
    assert rows == ["class\tnumber", "a\t1", "b\t2", "c\t3"]
    assert not list(tmp_path.glob("*/nothing"))
    assert capsys.readouterr().out == ""


def test_a_single_column_has_no_header(tmp_path: Path) -> None:
    board = TensorBoardLogger(str(tmp_path), name="", version="")
    log_embedding(trainer(tmp_path, [board]), Embedding(torch.randn(2, 4), [["a"], ["b"]], ["class"]), "keys")
    assert next(tmp_path.glob("*/keys/metadata.tsv")).read_text().splitlines() == ["a", "b"], "TensorBoard's format"


@pytest.mark.parametrize("state", [{"is_global_zero": False}, {"fast_dev_run": True}])
def test_other_processes_and_trial_runs_write_nothing(tmp_path: Path, state: dict[str, bool]) -> None:
    board = TensorBoardLogger(str(tmp_path), name="", version="")
    run = trainer(tmp_path, [board], **state)
    assert not keeps_files(run)
    log_picture(run, new_figure(2, 2), "regret")
    log_embedding(run, EMBEDDING, "keys")
    assert not list(tmp_path.iterdir())
