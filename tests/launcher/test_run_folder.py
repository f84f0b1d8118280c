from pathlib import Path

import pytest

from episodic.errors import InputError
from launcher.runs.process_lock import ProcessLock
from launcher.runs.run_folder import RunFolder, RunSettings, claim_numbered, run_name, writing_to


def trained(root: Path, name: str, version: str) -> RunFolder:
    run = RunFolder(root, name, version)
    run.create()
    run.checkpoints.mkdir()
    run.last.touch()
    return run


def test_versions_count_up(tmp_path: Path) -> None:
    names = [claim_numbered(tmp_path, name).version for name in ("a", "a", "b", "a")]
    assert names == ["version_0", "version_1", "version_0", "version_2"]


def test_the_next_number_is_taken_where_the_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "a" / "version_0").mkdir(parents=True)  # empty, but somebody has claimed it
    (tmp_path / "a" / "version_1").touch()
    assert claim_numbered(tmp_path, "a").version == "version_2"


@pytest.mark.parametrize(
    ("leave", "advice"),
    [
        (lambda run: None, "choose another --run.version$"),
        (lambda run: (run.checkpoints.mkdir(), run.last.touch()), r", or resume it with --ckpt_path .*last\.ckpt$"),
        (lambda run: run.lock.touch(), r", or delete it \(its training was killed before the first checkpoint\)$"),
        (lambda run: ProcessLock(run.lock).acquire(), r" \(process \d+ on .* is using it\)$"),
    ],
    ids=["empty", "trained", "killed", "running"],
)
def test_a_folder_that_exists_is_refused_with_advice(leave: object, advice: str, tmp_path: Path) -> None:
    run = RunFolder(tmp_path, "a", "x")
    run.create()
    assert callable(leave)
    leave(run)
    with pytest.raises(InputError, match=f"already exists: .*{advice}") as error:
        run.create()
    assert ("delete" in str(error.value)) == ("killed" in advice)


def test_a_checkpoint_knows_its_run(tmp_path: Path) -> None:
    run = trained(tmp_path, "a", "x")
    home = RunFolder.of_checkpoint(run.last)
    assert home is not None
    assert home.path == run.path
    assert RunFolder.of_checkpoint(tmp_path / "elsewhere.ckpt") is None


def test_one_process_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    run = trained(tmp_path, "a", "x")
    with writing_to(run, new=False):
        assert run.user() is not None
        with (
            pytest.raises(InputError, match=r"is in use by process \d+ on .*: wait for it"),
            writing_to(run, new=False),
        ):
            pass
    assert run.user() is None
    assert not run.lock.exists()


@pytest.mark.parametrize(
    ("error", "left", "kept"),
    [
        (InputError("x"), [], False),
        (InputError("x"), ["config.yaml", "metrics.csv"], False),
        (InputError("x"), ["checkpoints/last.ckpt"], True),
        (KeyboardInterrupt(), ["config.yaml"], False),
        (RuntimeError(), ["metrics.csv"], True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
@pytest.mark.parametrize("new", [True, False])
def test_a_new_folder_goes_when_the_command_fails_before_it_has_trained(
    new: bool, error: BaseException, left: list[str], kept: bool, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path, "a", "x")
    run.create()
    with pytest.raises(type(error)), writing_to(run, new=new):  # noqa: PT012
        for name in left:
            (run.path / name).parent.mkdir(exist_ok=True)
            (run.path / name).touch()
        raise error
    assert run.path.exists() == (kept or not new)
    assert run.path.parent.exists() == run.path.exists()
    assert not run.lock.exists()


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(tmp_path, "a", "x")

    def refuse(self: ProcessLock) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ProcessLock, "acquire", refuse)
    message = r"cannot be written to \(Permission denied\): --run\.root DIR"
    with pytest.raises(InputError, match=message), writing_to(run, new=False):
        pass


def test_the_name_comes_from_the_first_config() -> None:
    configs = [Path("configs/one.yaml"), Path("configs/two.yaml")]
    assert run_name(RunSettings(), configs) == "one"
    assert run_name(RunSettings(name="mine"), configs) == "mine"
    with pytest.raises(InputError, match="no --config and no"):
        run_name(RunSettings(), [])


@pytest.mark.parametrize("bad", ["a/b", "..", ""])
def test_a_path_is_no_name(bad: str) -> None:
    with pytest.raises(InputError, match="is not a valid folder name"):
        run_name(RunSettings(name="a", version=bad), [])


@pytest.mark.parametrize("there", [True, False])
def test_a_root_goes_with_its_only_run_unless_it_was_there_before(there: bool, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    if there:
        root.mkdir()
    with pytest.raises(InputError), writing_to(claim_numbered(root, "x"), new=True):
        raise InputError("bad")
    assert root.exists() == there


@pytest.mark.parametrize(("error", "kept"), [(InputError("bad"), ["a"]), (RuntimeError(), ["a", "b"])])
def test_a_wrong_command_leaves_no_events_in_a_run(error: Exception, kept: list[str], tmp_path: Path) -> None:
    run = trained(tmp_path, "a", "x")
    (run.path / "events.out.tfevents.a").touch()
    with pytest.raises(type(error)), writing_to(run, new=False):  # noqa: PT012
        (run.path / "events.out.tfevents.b").touch()
        raise error
    assert sorted(path.suffix[1:] for path in run.path.glob("events.*")) == kept
