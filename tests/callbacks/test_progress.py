"""What the progress shows, and the items that it counts."""

import copy
import pickle
from pathlib import Path

import pytest
import torch

from callbacks.progress import TrainingProgress, count_items
from cli import main
from datamodules.drawings import DrawingBatch
from datamodules.state_batches import StateBatch
from episodic.progress import Meter
from episodic.tasks.blocks import BlockSpec
from tests.tiny import tiny_bandit


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.long)


@pytest.mark.parametrize(
    ("batch", "name", "items"),
    [
        (
            BlockSpec(torch.zeros(6, 4, 3), zeros(6, 4), zeros(6, 4), seed=0),
            "episodes",
            24,
        ),
        (DrawingBatch(torch.zeros(5, 1, 28, 28), zeros(5)), "drawings", 5),
        (StateBatch(torch.zeros(7, 3), zeros(7), zeros(7), zeros(7)), "states", 7),
        (StateBatch(torch.zeros(7, 4, 3), zeros(7), zeros(7), zeros(7)), "states", 28),
    ],
    ids=["block", "drawings", "states", "whole episodes"],
)
def test_items_are_counted_and_named(batch: object, name: str, items: int) -> None:
    assert count_items(batch) == (items, name)


def test_a_command_shows_units_epochs_and_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Impatient(TrainingProgress):
        def __init__(self) -> None:
            super().__init__(seconds_between_lines=0.0)

    monkeypatch.setattr("launcher.stage_cli.TrainingProgress", Impatient)
    assert main(["fit", *tiny_bandit(tmp_path)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("training: 2/4 blocks  epoch 1/2  ")
    assert lines[3].startswith("training: 4/4 blocks  epoch 2/2  ")
    assert "episodes/s" in lines[3]
    assert "val/reward" in lines[3]
    best = str(tmp_path / "barcode_bandit" / "version_0" / "checkpoints" / "best.ckpt")
    for command, doing, blocks in (("test", "testing", 2), ("validate", "validating", 1), ("predict", "predicting", 2)):
        assert main([command, "--ckpt_path", best]) == 0
        assert f"{doing}: {blocks}/{blocks} blocks" in capsys.readouterr().err


def test_the_progress_can_be_copied_and_sent_while_it_shows_a_bar() -> None:
    shown = TrainingProgress()
    shown._meter = Meter("training", 10, "blocks")
    for other in (copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert other._meter is None
    assert shown._meter is not None
