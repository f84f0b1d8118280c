"""Pictures, embeddings and settings reach the run's folder and every logger that can show them."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.hyperparameters import HyperparameterTab, flat
from callbacks.metrics_csv import MetricsCSV
from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture, log_settings
from episodic.plots.style import new_figure
from tests.callbacks.stand_ins import Trainer

EMBEDDING = Embedding(torch.randn(3, 4), [["a", 1], ["b", 2], ["c", 3]], ["class", "number"])


class Wandb(WandbLogger):
    """Records images instead of sending them."""

    def __init__(self) -> None:
        self.images: list[tuple[str, int, int | None]] = []

    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        self.images.append((key, len(images), step))


class MLFlow(MLFlowLogger):
    """Records figures instead of sending them."""

    def __init__(self) -> None:
        self.files: list[str] = []

    @property
    def run_id(self) -> str:
        return "run"

    @property
    def experiment(self) -> Any:
        return SimpleNamespace(log_figure=lambda run, figure, file: self.files.append(f"{run}/{file}"))


def trainer(folder: Path, loggers: Sequence[Any] = (), **state: Any) -> Any:
    stand_in = Trainer(folder, loggers=loggers)
    for name, value in state.items():
        setattr(stand_in, name, value)
    return stand_in


def test_a_picture_reaches_the_folder_and_every_logger(tmp_path: Path) -> None:
    board, wandb, mlflow = TensorBoardLogger(str(tmp_path), name="", version=""), Wandb(), MLFlow()
    others = [CSVLogger(str(tmp_path / "csv")), MetricsCSV(tmp_path / "a")]
    run = trainer(tmp_path, [board, wandb, mlflow, *others])
    log_picture(run, new_figure(2, 2), "regret")
    log_picture(run, new_figure(2, 2), "other", file=False)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"regret.png"}
    board.experiment.flush()
    events = EventAccumulator(str(next(tmp_path.glob("events*")))).Reload()
    assert set(events.Tags()["images"]) == {"figures/regret", "figures/other"}
    assert wandb.images == [("figures/regret", 1, 7), ("figures/other", 1, 7)]
    assert mlflow.files == ["run/figures/regret.png", "run/figures/other.png"]


def test_an_embedding_reaches_the_projector(tmp_path: Path) -> None:
    board = TensorBoardLogger(str(tmp_path), name="", version="")
    run = trainer(tmp_path, [board, Wandb()])
    log_embedding(run, EMBEDDING, "keys")
    log_embedding(run, Embedding(torch.empty(0, 4), [], ["class"]), "nothing")
    rows = next(tmp_path.glob("*/keys/metadata.tsv")).read_text().splitlines()
    assert rows == ["class\tnumber", "a\t1", "b\t2", "c\t3"]
    assert not list(tmp_path.glob("*/nothing"))


@pytest.mark.parametrize("state", [{"is_global_zero": False}, {"fast_dev_run": True}])
def test_other_processes_and_trial_runs_write_nothing(tmp_path: Path, state: dict[str, bool]) -> None:
    wandb = Wandb()
    run = trainer(tmp_path, [wandb], **state)
    assert not keeps_files(run)
    log_picture(run, new_figure(2, 2), "regret")
    log_embedding(run, EMBEDDING, "keys")
    assert not list(tmp_path.iterdir())
    assert wandb.images == []


def test_settings_stand_beside_the_monitored_metric(tmp_path: Path) -> None:
    board = TensorBoardLogger(str(tmp_path), name="", version="", default_hp_metric=False)
    run = trainer(tmp_path, [board, Wandb()], checkpoint_callback=SimpleNamespace(monitor="val/reward"))
    module: Any = SimpleNamespace(hparams={"memory": {"class_path": "EpisodicMemory", "init_args": {"threshold": 0.9}}})
    HyperparameterTab().on_fit_end(run, module)
    assert board.hparams == {}, "nothing was monitored"
    run.callback_metrics["val/reward"] = torch.tensor(8.0)
    HyperparameterTab().on_fit_end(run, module)
    assert board.hparams == {"batch_size": 5, "memory/class": "EpisodicMemory", "memory/threshold": 0.9}
    board.save()
    assert "hparams/val/reward" in EventAccumulator(str(next(tmp_path.glob("events*")))).Reload().Tags()["scalars"]
    log_settings(trainer(tmp_path, [board], is_global_zero=False), {"a": 1}, {})
    assert "a" not in board.hparams


def test_settings_are_flat() -> None:
    nested = {"a": {"b": {"c": 1}, "d": None}, "_class": "x", "names": [1, 2], "rate": 0.5}
    assert flat(nested) == {"a/b/c": 1, "rate": 0.5}
