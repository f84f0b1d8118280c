"""A run's checkpoints: what their state holds, how their files are written, and when none is."""

import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from callbacks.checkpoints import CheckpointFiles, RandomState, RunCheckpoint
from cli import main
from episodic.errors import InputError
from lightning_modules import EpisodicAgent
from tests.runs import at_batch, files, one_error, read
from tests.tiny import tiny_autoencoder, tiny_bandit, tiny_encoder, tiny_hidden_state_encoder


def test_a_run_that_was_moved_still_knows_its_best(tmp_path: Path) -> None:
    one, other = (RunCheckpoint(monitor="val/reward") for _ in range(2))
    one.dirpath, other.dirpath = str(tmp_path / "a"), str(tmp_path / "b")
    one.best_model_score = torch.tensor(8.0)
    one.best_model_path = one.path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.load_state_dict(one.state_dict())
    assert other.best_model_score == 8.0
    assert other.best_model_path == str(tmp_path / "b" / "best.ckpt")
    assert list(other.best_k_models) == [other.best_model_path]


@pytest.mark.parametrize("path", ["../../notes.txt", "{outside}", "{outside}/..", "checkpoints/../.."])
def test_paths_in_a_checkpoint_are_never_used(path: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    assert main(["fit", *tiny_bandit(tmp_path / "runs", epochs=1), "--trainer.callbacks", "[]"]) == 0
    run = next(tmp_path.glob("runs/*/version_0"))
    last, hostile = run / "checkpoints" / "last.ckpt", path.format(outside=outside)
    checkpoint = torch.load(last, weights_only=True)
    score = torch.tensor(-9.0)
    for state in checkpoint["callbacks"].values():
        state |= {"best_model_path": hostile, "kth_best_model_path": hostile, "last_model_path": hostile}
        state |= {"dirpath": hostile, "best_k_models": {hostile: score}, "kth_value": score, "best_model_score": score}
    torch.save(checkpoint, last)
    before = files(outside)
    assert main(["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "2"]) == 0
    assert files(outside) == before
    assert {entry.name for entry in tmp_path.iterdir()} == {"outside", "runs"}
    assert {entry.name for entry in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert (run / "config.yaml").is_file()


def test_a_file_is_removed_where_it_lies_and_a_folder_never(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.ckpt", tmp_path / "folder"
    file.write_text("a")
    folder.mkdir()
    CheckpointFiles().remove_checkpoint(folder)
    CheckpointFiles().remove_checkpoint(folder / ".." / "a.ckpt")
    assert file.is_file()
    assert folder.is_dir()
    CheckpointFiles().remove_checkpoint(file)
    assert not file.exists()


def test_a_checkpoint_is_written_beside_the_one_that_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    path = tmp_path / "runs" / "last.ckpt"
    CheckpointFiles().save_checkpoint({"state_dict": {}, "epoch": 1}, path)

    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="the disk is full"):
        CheckpointFiles().save_checkpoint({"state_dict": {}, "epoch": 2}, path)
    assert CheckpointFiles().load_checkpoint(path)["epoch"] == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["last.ckpt"]
    assert not list(temporary.iterdir())


def test_a_checkpoint_is_read_once_and_never_with_code(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {}, "code": Path}, path)
    read_before: dict[str, Any] = {"state_dict": {}}
    handed = CheckpointFiles(str(path), read_before)
    assert handed.load_checkpoint(tmp_path / "." / "a.ckpt", weights_only=False) is read_before
    with pytest.raises(InputError, match="more than tensors"):
        handed.load_checkpoint(path, weights_only=False)


def test_each_command_reads_its_checkpoint_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, epochs=1), "--trainer.callbacks", "[]"]) == 0
    last, reads, load = next(tmp_path.glob("*/*/checkpoints/last.ckpt")), list[Path](), torch.load

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        reads.append(Path(path))
        assert options["weights_only"] is True
        return load(path, *arguments, **options)

    monkeypatch.setattr(torch, "load", counted)
    assert main(["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "2"]) == 0
    assert reads == [last]
    best = last.with_name("best.ckpt")
    assert main(["test", "--ckpt_path", str(best), "--weights_only", "false"]) == 0
    assert reads.count(best) == 1


def test_what_a_killed_training_was_writing_is_removed_by_the_next(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, epochs=1), "--trainer.callbacks", "[]"]) == 0
    folder = next(tmp_path.glob("*/*/checkpoints"))
    (folder / ".last.ckpt.0123.tmp").write_bytes(b"half")
    assert main(["fit", "--ckpt_path", str(folder / "last.ckpt"), "--trainer.max_epochs", "2"]) == 0
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}


def test_a_resume_draws_the_numbers_that_would_have_come_next() -> None:
    def draw() -> list[float]:
        return [float(torch.rand(())), random.random(), normal(), normal()]

    trainer: Any = None
    normal: Any = np.random.normal  # by the global generator
    one, other = RandomState(), RandomState()
    torch.manual_seed(3)
    normal()  # leaves a second number for the next call
    saved = one.state_dict()
    expected = draw()
    other.load_state_dict(saved)
    draw()  # the rest of the start-up
    other.on_train_start(trainer, trainer)
    assert draw() == expected
    other.on_train_start(trainer, trainer)  # restored once
    assert draw() != expected


@pytest.mark.parametrize("interval", ["0", "-1"])
def test_an_interval_of_no_epochs_is_refused(interval: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), "--checkpoint.every_n_epochs", interval]) == 2
    assert f"checkpoint.every_n_epochs is {interval}: it must be greater than 0" in one_error(capsys)
    assert not list(tmp_path.glob("*/version_0"))


@pytest.mark.parametrize(("interval", "best"), [(2, 1), (9, 2)])
def test_the_last_state_is_saved_whatever_the_interval(interval: int, best: int, tmp_path: Path) -> None:
    arguments = [*tiny_bandit(tmp_path, epochs=3), "--trainer.callbacks", "[]"]
    assert main(["fit", *arguments, "--checkpoint.every_n_epochs", str(interval)]) == 0
    run = next(tmp_path.glob("*/version_0"))
    assert read(run, "last")["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] == 3
    assert read(run, "best")["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] == best + 1


def test_steps_end_a_training_after_a_whole_block_with_a_best_checkpoint(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), "--trainer.callbacks", "[]", "--trainer.max_steps", "5"]) == 0
    run = next(tmp_path.glob("*/version_0"))
    assert [read(run, name)["global_step"] for name in ("last", "best")] == [6, 6]


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ("max_epochs=2", "this run has finished: 2 of 2 epochs; raise --trainer.max_epochs to go on"),
        ("max_steps=20", "this run has finished: 24 of 20 steps; raise --trainer.max_steps to go on"),
    ],
)
def test_a_resume_of_a_finished_run_says_so(
    limit: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), "--trainer.callbacks", "[]"]) == 0
    run = next(tmp_path.glob("*/version_0"))
    before = files(run)
    capsys.readouterr()
    last = str(run / "checkpoints" / "last.ckpt")
    assert main(["fit", "--ckpt_path", last, "--trainer.max_epochs=9", f"--trainer.{limit}"]) == 0
    assert line in capsys.readouterr().err
    assert files(run) == before


#: By stage: arguments of `fit` from a root and generated drawings.
STAGES: dict[str, Callable[[Path, Path], list[str]]] = {
    "agent": lambda root, drawings: tiny_bandit(root),
    "autoencoder": tiny_autoencoder,
    "encoder of drawings": tiny_encoder,
    "encoder of states": lambda root, drawings: tiny_hidden_state_encoder(root),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_that_diverges_ends_in_one_line(
    stage: str, tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*STAGES[stage](tmp_path, generated_omniglot), "--trainer.callbacks", "[]"]
    assert main(["fit", *arguments, "--model.optimizer", "SGD", "--model.optimizer.lr", "1e38"]) == 2
    assert "in epoch 0" in one_error(capsys)
    assert not list(tmp_path.glob("*/*/checkpoints/*"))


def test_the_last_good_checkpoint_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(trainer: Any) -> None:
        with torch.no_grad():
            next(trainer.lightning_module.agent.heads.parameters()).fill_(float("nan"))

    at_batch(monkeypatch, EpisodicAgent, 1, 1, spoil)
    assert main(["fit", *tiny_bandit(tmp_path, epochs=3), "--trainer.callbacks", "[]"]) == 2
    assert "is not finite in epoch 1, batch 1" in one_error(capsys)
    run = next(tmp_path.glob("*/version_0"))
    for name in ("last", "best"):
        checkpoint = read(run, name)
        assert checkpoint["epoch"] == 0
        assert all(weight.isfinite().all() for weight in checkpoint["state_dict"].values())
