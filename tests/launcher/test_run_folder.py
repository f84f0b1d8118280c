from pathlib import Path

import pytest

from episodic.errors import InputError
from launcher.run_folder import RunFolder, RunSettings, existing_run, new_run, run_name


def trained(root: Path, name: str, version: str) -> RunFolder:
    run = RunFolder(root, name, version)
    run.create()
    run.checkpoints.mkdir()
    run.last.touch()
    return run


def test_versions_count_up(tmp_path: Path) -> None:
    settings = RunSettings(root=str(tmp_path))
    assert new_run(settings, "a").version == "version_0"
    trained(tmp_path, "a", "version_0")
    assert new_run(settings, "a").version == "version_1"
    assert new_run(settings, "b").version == "version_0"


def test_a_run_in_use_is_not_taken(tmp_path: Path) -> None:
    run = trained(tmp_path, "a", "x")
    with pytest.raises(InputError, match=r"is in use: .*resume it with --ckpt_path"):
        run.create()


def test_an_empty_folder_may_be_taken(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, "a", "x")
    run.path.mkdir(parents=True)
    run.create()


def test_the_newest_trained_run_is_found(tmp_path: Path) -> None:
    import os

    for age, version in enumerate(("old", "new")):
        os.utime(trained(tmp_path, "a", version).last, (age, age))
    RunFolder(tmp_path, "a", "untrained").create()
    assert existing_run(RunSettings(root=str(tmp_path)), "a").version == "new"
    with pytest.raises(InputError, match="no trained run"):
        existing_run(RunSettings(root=str(tmp_path)), "b")


def test_a_checkpoint_knows_its_run(tmp_path: Path) -> None:
    run = trained(tmp_path, "a", "x")
    home = RunFolder.of_checkpoint(run.last)
    assert home is not None
    assert home.path == run.path
    assert RunFolder.of_checkpoint(tmp_path / "elsewhere.ckpt") is None


def test_only_an_untrained_run_is_discarded(tmp_path: Path) -> None:
    kept, dropped = trained(tmp_path, "a", "x"), RunFolder(tmp_path, "b", "x")
    dropped.create()
    for run in (kept, dropped):
        run.discard_if_untrained()
    assert kept.last.exists()
    assert not dropped.path.parent.exists()


def test_the_name_comes_from_the_first_config() -> None:
    configs = [Path("configs/one.yaml"), Path("configs/two.yaml")]
    assert run_name(RunSettings(), configs) == "one"
    assert run_name(RunSettings(name="mine"), configs) == "mine"
    with pytest.raises(InputError, match="no --config and no"):
        run_name(RunSettings(), [])


@pytest.mark.parametrize("bad", ["a/b", "..", ""])
def test_a_path_is_no_name(bad: str) -> None:
    with pytest.raises(InputError, match="is no name for a folder"):
        run_name(RunSettings(name="a", version=bad), [])
