from pathlib import Path

import pytest

from episodic.errors import InputError
from launcher.arguments import FORMAT, option, with_run_config


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    path.touch()
    (tmp_path / "run" / "config.yaml").write_text(f"{FORMAT}\nseed_everything: 1\n")
    return path


def test_the_runs_config_is_put_in(checkpoint: Path) -> None:
    config = str(checkpoint.parent.parent / "config.yaml")
    assert with_run_config(["test", f"--ckpt_path={checkpoint}"])[:3] == ["test", "--config", config]


def test_a_config_that_is_given_stays_alone(checkpoint: Path) -> None:
    given = ["test", "--config", "x.yaml", "--ckpt_path", str(checkpoint)]
    assert with_run_config(given) == given


def test_a_checkpoint_without_its_run_needs_a_config(checkpoint: Path) -> None:
    (checkpoint.parent.parent / "config.yaml").unlink()
    with pytest.raises(InputError, match="give --config"):
        with_run_config(["test", "--ckpt_path", str(checkpoint)])


def test_a_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        with_run_config(["test", "--ckpt_path", str(tmp_path / "none.ckpt")])


def test_the_last_value_of_an_option_counts() -> None:
    assert option(["--a=1", "--a", "2", "--b"], "--a") == "2"
    assert option(["--a=1"], "--b") is None
