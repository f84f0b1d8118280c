"""Commands that would do nothing say so."""

from pathlib import Path

import pytest

from cli import main
from tests.runs import files, one_error
from tests.tiny import tiny_bandit, tiny_hidden_state_encoder

QUIET = ["--trainer.callbacks", "[]", "--trainer.enable_progress_bar", "false"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_bandit(root, epochs=1), *QUIET]) == 0
    return root / "barcode_bandit" / "version_0" / "checkpoints" / "best.ckpt"


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("trainer.max_epochs", "0", "trainer.max_epochs is 0: fit would do nothing"),
        ("trainer.max_steps", "0", "trainer.max_steps is 0: fit would do nothing"),
        ("trainer.limit_train_batches", "0", "trainer.limit_train_batches is 0: fit would do nothing"),
        ("trainer.limit_train_batches", "0.0", "trainer.limit_train_batches is 0: fit would do nothing"),
        ("trainer.limit_train_batches", "0.01", "limit_train_batches"),  # a hundredth of two blocks
        (
            "trainer.limit_val_batches",
            "0",
            "checkpoint.monitor is val/reward, --checkpoint.monitor null trains without it",
        ),
        ("trainer.check_val_every_n_epoch", "5", "so there is no validation: checkpoint.monitor is val/reward"),
        ("data.blocks_per_epoch", "0", "blocks_per_epoch is 0"),
        ("data.val_environments", "0", "val_environments is 0"),
    ],
)
def test_a_training_of_nothing_is_refused(
    option: str, value: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), *QUIET, f"--{option}", value]) == 2
    assert complaint in one_error(capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "option", "complaint"),
    [
        ("test", "trainer.limit_test_batches", "test would do nothing"),
        ("validate", "trainer.limit_val_batches", "validate would do nothing"),
        ("predict", "trainer.limit_predict_batches", "predict would do nothing"),
        ("test", "data.test_blocks", "test_blocks is 0"),
        ("predict", "data.predict_blocks", "predict_blocks is 0"),
    ],
)
def test_the_use_of_a_checkpoint_on_nothing_is_refused(
    command: str, option: str, complaint: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(checkpoint.parents[1])
    assert main([command, "--ckpt_path", str(checkpoint), *QUIET, f"--{option}", "0"]) == 2
    assert complaint in one_error(capsys)
    assert files(checkpoint.parents[1]) == before


@pytest.mark.parametrize("option", [("limit_val_batches", "0"), ("check_val_every_n_epoch", "3")], ids=lambda o: o[0])
def test_a_training_without_validation_is_named(
    option: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, value = option
    arguments = [*tiny_hidden_state_encoder(tmp_path, epochs=1), *QUIET, f"--trainer.{name}", value]
    assert main(["fit", *arguments]) == 0
    assert capsys.readouterr().err.startswith(f"warning: trainer.{name} is {value}")


def test_data_without_a_batch_are_named(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datamodules.blocks.BlockDataModule.test_dataloader", lambda self: [])
    assert main(["test", "--ckpt_path", str(checkpoint), *QUIET]) == 2
    assert "test did nothing: the data have no batch for it" in one_error(capsys)
