"""The checkpoints of a run that was moved, and the random state in them."""

import warnings
from pathlib import Path
from typing import Any

import torch

from callbacks.run_checkpoint import LastCheckpoint, RandomState, RunCheckpoint


def test_a_run_that_was_moved_still_knows_its_best(tmp_path: Path) -> None:
    one, other = (RunCheckpoint(monitor="val/reward") for _ in range(2))
    one.dirpath, other.dirpath = str(tmp_path / "a"), str(tmp_path / "b")
    one.best_model_score = torch.tensor(8.0)
    one.best_model_path = one.kth_best_model_path = str(tmp_path / "a" / "best.ckpt")
    one.best_k_models = {one.best_model_path: one.best_model_score}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.load_state_dict(one.state_dict())
    assert other.best_model_score == 8.0
    assert other.best_model_path == str(tmp_path / "b" / "best.ckpt")
    assert list(other.best_k_models) == [other.best_model_path]


def test_the_last_checkpoint_moves_along(tmp_path: Path) -> None:
    one, other = LastCheckpoint(str(tmp_path / "a")), LastCheckpoint(str(tmp_path / "b"))
    one.best_model_path = str(tmp_path / "a" / "last.ckpt")
    other.load_state_dict(one.state_dict())
    assert other.best_model_path == str(tmp_path / "b" / "last.ckpt")


def test_a_resume_draws_the_numbers_that_would_have_come_next() -> None:
    trainer: Any = None
    one, other = RandomState(), RandomState()
    torch.manual_seed(3)
    saved = one.state_dict()
    expected = torch.rand(4)
    other.load_state_dict(saved)
    torch.rand(9)  # the rest of the start-up
    other.on_train_start(trainer, trainer)
    assert torch.equal(torch.rand(4), expected)
    other.on_train_start(trainer, trainer)  # restored once
    assert not torch.equal(torch.rand(4), expected)
