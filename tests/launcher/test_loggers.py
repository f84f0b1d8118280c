"""Loggers of the configuration are used beside TensorBoard and `metrics.csv`; W&B and MLflow for real."""

import csv
import json
import struct
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning.loggers.wandb as lightning_wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import cli
from tests.runs import one_error
from tests.tiny import tiny_bandit

#: Of the log format of LevelDB: bytes of a block, and kinds of its records.
BLOCK, FULL, LAST = 32768, 1, 4
PICTURES = {"regret_by_exposure", "reward_by_exposure", "training_curve", "reinstatement_gate"}


def fit(root: Path, *options: str) -> int:
    return cli.main(["fit", *tiny_bandit(root, epochs=1), "--data.blocks_per_epoch", "1", *options])


def test(run: Path, *options: str) -> int:
    return cli.main(["test", "--trust", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), *options])


test.__test__ = False  # type: ignore[attr-defined]


def events(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run)).Reload()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "barcode_bandit" / "version_0"


def test_a_logger_is_used_beside_ours_and_writes_into_the_run(run: Path, tmp_path: Path) -> None:
    assert fit(tmp_path, "--trainer.logger", "CSVLogger") == 0
    with (run / "lightning_logs" / "version_0" / "metrics.csv").open(newline="") as file:
        assert "val/reward" in next(csv.reader(file))
    assert (run / "metrics.csv").is_file()
    assert "val/reward" in events(run).Tags()["scalars"]
    assert "save_dir: null" in (run / "config.yaml").read_text(), "another run of this config has its own folder"


def test_a_users_tensorboard_replaces_ours(run: Path, tmp_path: Path) -> None:
    logger = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.prefix", "mine"]
    assert fit(tmp_path, *logger) == 0
    assert len(list(run.glob("events*"))) == 1
    assert "mine-val/reward" in events(run).Tags()["scalars"]
    assert not (tmp_path / "lightning_logs").exists()


def test_false_switches_all_loggers_off(run: Path, tmp_path: Path) -> None:
    assert fit(tmp_path, "--trainer.logger", "false") == 0
    assert {path.name for path in run.iterdir()} == {"config.yaml", "checkpoints"}


def test_a_trial_run_starts_no_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fit(tmp_path, "--trainer.logger", "[CSVLogger, TensorBoardLogger]", "--trainer.fast_dev_run", "true") == 0
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Missing:
        def __bool__(self) -> bool:
            return False

        def __str__(self) -> str:
            return "Module not found: 'wandb'. HINT: Try running `pip install -U 'wandb'`"

    monkeypatch.setattr(lightning_wandb, "_WANDB_AVAILABLE", Missing())
    assert fit(tmp_path, "--trainer.logger", "WandbLogger") == 2
    assert one_error(capsys) == "error: WandbLogger: wandb is not installed: pip install wandb"
    assert not list(tmp_path.iterdir())


def test_wandb_offline_keeps_one_run_for_fit_and_test(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert fit(tmp_path, "--trainer.logger", "[WandbLogger, CSVLogger]") == 0
    name = json.loads((run / "logger_runs.json").read_text())["WandbLogger"]
    assert test(run) == 0
    folders = sorted((run / "wandb").glob(f"offline-run-*-{name}"))
    assert len(folders) == 2, "training and test"
    records = [record for folder in folders for record in finished_records(folder / f"run-{name}.wandb")]
    starts = [record.run for record in records if record.HasField("run")]
    assert {start.display_name for start in starts} == {"barcode_bandit/version_0"}
    assert {"memory", "task", "seed_everything"} <= {item.key for item in config_of(records)}
    rows = [logged(record) for record in records if record.HasField("history")]
    names = {key.partition(".")[0] for row in rows for key in row}
    assert {"val/reward", "test/reward", "test_results"} | {f"figures/{name}" for name in PICTURES} <= names
    (result,) = (row for row in rows if "test/reward" in row)
    (trained,) = (row for row in rows if "train/reward" in row)
    assert result["trainer/global_step"] == trained["trainer/global_step"] == "24", "at the checkpoint's step"
    pictures = [path.name for path in (folders[1] / "files/media/images/figures").iterdir()]
    assert len(pictures) == len(PICTURES)


def finished_records(path: Path) -> list[Any]:
    """The records of a file once W&B's process has written the last of them."""
    for _ in range(100):
        records = wandb_records(path)
        if records and records[-1].HasField("exit"):
            return records
        time.sleep(0.1)
    raise AssertionError(f"{path} is not finished")


def wandb_records(path: Path) -> list[Any]:
    """The records of a file of W&B, which is a log of LevelDB behind a header of 7 bytes."""
    messages: Any = import_module("wandb.proto.wandb_internal_pb2")
    data, records, at, partial = path.read_bytes(), [], 7, b""
    while at + 7 <= len(data):
        if (left := BLOCK - at % BLOCK) < 7:  # a block ends in zeros where no header fits
            at += left
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        partial += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (FULL, LAST):
            records.append(messages.Record.FromString(partial))
            partial = b""
    return records


def config_of(records: list[Any]) -> list[Any]:
    """Every setting that W&B was sent, at the start or later."""
    starts = [item for record in records if record.HasField("run") for item in record.run.config.update]
    return starts + [item for record in records if record.HasField("config") for item in record.config.update]


def logged(record: Any) -> dict[str, str]:
    return {".".join(item.nested_key) or item.key: item.value_json for item in record.history.item}


def test_mlflow_keeps_one_run_for_fit_test_and_resume(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    from mlflow.tracking import MlflowClient

    assert fit(tmp_path, "--trainer.logger", "MLFlowLogger") == 0
    assert test(run, "--data.task.noise", "0.1") == 0, "MLflow refuses changed parameters"
    resume = ["fit", "--trust", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), "--trainer.max_epochs", "2"]
    assert cli.main(resume) == 0
    client = MlflowClient(f"sqlite:///{run / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'lightning_logs'")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.info.run_name == "barcode_bandit/version_0"
    assert kept.info.status == "FINISHED"
    assert kept.data.params["seed_everything"] == "1"
    assert kept.data.params["task/init_args/noise"] == "0.0", "as in the training"
    assert {"val/reward", "test/reward"} <= set(kept.data.metrics)
    assert [point.step for point in client.get_metric_history(kept.info.run_id, "val/reward")] == [24, 48]
    assert [point.step for point in client.get_metric_history(kept.info.run_id, "test/reward")] == [24]
    artifacts = {item.path for item in client.list_artifacts(kept.info.run_id)}
    assert artifacts == {"figures", "test_results.md"}
    pictures = {Path(item.path).stem for item in client.list_artifacts(kept.info.run_id, "figures")}
    assert pictures == PICTURES
