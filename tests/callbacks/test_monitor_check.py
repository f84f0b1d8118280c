"""Metrics that callbacks watch and nobody logs."""

from pathlib import Path

import pytest

from cli import main
from tests.runs import files, one_error, rows
from tests.tiny import tiny_autoencoder, tiny_bandit

STOPPING = ["--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ["--checkpoint.monitor", "val/rewards"],
            "checkpoint.monitor is 'val/rewards': it must be one of val/reward",
        ),
        (["--checkpoint.monitor", "reward"], "checkpoint.monitor is 'reward': it must be one of "),
        ([*STOPPING, "val/nosuch"], "EarlyStopping.monitor is 'val/nosuch': it must be one of "),
    ],
)
def test_an_unknown_metric_is_refused_before_the_training(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), *options]) == 2
    assert complaint in one_error(capsys)
    assert not files(tmp_path)


@pytest.mark.parametrize("metric", ["val/reward", "val/recall_accuracy", "train/reward"])
def test_a_known_metric_may_be_watched(metric: str, tmp_path: Path) -> None:
    options = [*STOPPING, metric, "--trainer.callbacks.mode", "max"]
    assert main(["fit", *tiny_bandit(tmp_path), *options]) == 0


def test_finding_out_the_metrics_leaves_the_training_as_it_is(tmp_path: Path, generated_omniglot: Path) -> None:
    arguments = tiny_autoencoder(tmp_path, generated_omniglot, epochs=1)
    assert main(["fit", *arguments, "--run.version", "plain"]) == 0
    options = [*STOPPING, "val/map_at_r", "--trainer.callbacks.mode", "max", "--run.version", "watched"]
    assert main(["fit", *arguments, *options]) == 0
    plain, watched = (rows(tmp_path / "autoencoder" / version) for version in ("plain", "watched"))
    assert plain == watched
