"""Which folder and which checkpoint a command takes."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from episodic.errors import InputError
from launcher.runs.placement import Placement, Request, occupy, place
from launcher.runs.process_lock import ProcessLock
from launcher.runs.ranks import VERSION_VARIABLE
from launcher.runs.run_folder import RunSettings
from tests.launcher.fake_runs import leave_run

USES = ("test", "validate", "predict")
CONFIG = Path("configs/a.yaml")


def request(command: str, root: Path, *arguments: str, checkpoint: str | None = None, config: Path = CONFIG) -> Request:
    """A command with `--run.*` arguments; the config's own settings are those of a run in `root`."""
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    own = {"root": str(root), **({"name": "a", "version": "x"} if config != CONFIG else {})}
    settings = RunSettings(**{**own, **{name.removeprefix("--run."): value for name, value in given.items()}})  # type: ignore[arg-type]
    return Request(command, settings, [config], checkpoint, arguments)


def test_a_new_training(tmp_path: Path) -> None:
    assert place(request("fit", tmp_path)) == Placement(tmp_path, "a", None, None, new=True)
    chosen = place(request("fit", tmp_path, "--run.name", "b", "--run.version", "y"))
    assert chosen == Placement(tmp_path, "b", "y", None, new=True)


@pytest.mark.parametrize("command", ["fit", *USES])
@pytest.mark.parametrize("config", ["own", "by hand"])
def test_a_checkpoint_is_used_in_its_own_run(command: str, config: str, tmp_path: Path) -> None:
    run = leave_run(tmp_path, "a", "x")
    given = run.config if config == "own" else CONFIG
    chosen = place(request(command, tmp_path, checkpoint=str(run.last), config=given))
    assert chosen == Placement(tmp_path, "a", "x", run.last, new=False)


@pytest.mark.parametrize("command", ["fit", *USES])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--run.version", "y"], ("{root}", "a", "y")),
        (["--run.root", "mine"], ("mine", "a", "x")),
        (["--run.root", "mine", "--run.name", "b"], ("mine", "b", "x")),
        (["--run.name", "b", "--run.version", "y"], ("{root}", "b", "y")),
    ],
    ids=" ".join,
)
def test_another_place_is_a_new_run(
    command: str, arguments: list[str], expected: tuple[str, str, str], tmp_path: Path
) -> None:
    run = leave_run(tmp_path, "a", "x")
    chosen = place(request(command, tmp_path, *arguments, checkpoint=str(run.last), config=run.config))
    root, name, version = expected
    # a training takes the next number, unless it is given a version
    number = None if command == "fit" and "--run.version" not in arguments else version
    assert chosen == Placement(Path(root.format(root=tmp_path)), name, number, run.last, new=True)


@pytest.mark.parametrize("command", ["fit", *USES])
def test_a_run_that_was_moved_is_used_where_it_lies(command: str, tmp_path: Path) -> None:
    run = leave_run(tmp_path, "a", "x")
    elsewhere = run.path.rename(tmp_path / "moved")
    (tmp_path / "b").mkdir()
    elsewhere = elsewhere.rename(tmp_path / "b" / "z")
    last = elsewhere / "checkpoints" / "last.ckpt"
    chosen = place(request(command, tmp_path / "gone", checkpoint=str(last), config=elsewhere / "config.yaml"))
    assert (chosen.root / chosen.name / str(chosen.version)) == elsewhere
    assert not chosen.new


@pytest.mark.parametrize("command", ["fit", *USES])
def test_a_checkpoint_outside_of_runs_opens_a_new_one(command: str, tmp_path: Path) -> None:
    loose = leave_run(tmp_path, "a", "x").last.rename(tmp_path / "loose.ckpt")
    assert place(request(command, tmp_path, checkpoint=str(loose))) == Placement(tmp_path, "a", None, loose, new=True)


@pytest.mark.parametrize("command", USES)
def test_the_best_of_the_newest_finished_run_is_used_and_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = leave_run(tmp_path, "a", "finished", age=2)
    broken_off = leave_run(tmp_path, "a", "broken_off", epochs=1, age=1)
    running = leave_run(tmp_path, "a", "running", epochs=1)
    lock = ProcessLock(running.lock)
    assert lock.acquire()
    assert place(request(command, tmp_path)) == Placement(tmp_path, "a", "finished", finished.best, new=False)
    line = capsys.readouterr().out
    assert line.startswith(f"checkpoint: {finished.best} (running is in use by process ")
    assert line.endswith("; broken_off has 1 of 2 epochs)\n")
    finished.best.unlink()
    assert place(request(command, tmp_path)).checkpoint == finished.last
    finished.last.unlink()
    assert place(request(command, tmp_path)).checkpoint == broken_off.best
    assert "broken_off has 1 of 2 epochs" in capsys.readouterr().out
    broken_off.last.unlink()
    with pytest.raises(InputError, match=r"no run in .*a is finished \(running is in use by process .*\): wait for it"):
        place(request(command, tmp_path))


@pytest.mark.parametrize("command", USES)
def test_a_training_that_was_broken_off_is_used_and_said_to_be(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = leave_run(tmp_path, "a", "x", epochs=1)
    for arguments, checkpoint in ((["--run.version", "x"], None), ([], str(run.best))):
        place(request(command, tmp_path, *arguments, checkpoint=checkpoint))
        assert capsys.readouterr().out == f"checkpoint: {run.best} (the training has 1 of 2 epochs)\n"


def test_the_newest_run_is_resumed(tmp_path: Path) -> None:
    leave_run(tmp_path, "a", "finished", age=1)
    run = leave_run(tmp_path, "a", "broken_off", epochs=1)
    chosen = place(request("fit", tmp_path, checkpoint="last"))
    assert chosen == Placement(tmp_path, "a", "broken_off", run.last, new=False)


@pytest.mark.parametrize("command", ["fit", *USES])
def test_a_run_in_use_is_refused_and_elsewhere_is_allowed(command: str, tmp_path: Path) -> None:
    run = leave_run(tmp_path, "a", "x")
    lock = ProcessLock(run.lock)
    assert lock.acquire()
    chosen = place(request(command, tmp_path, checkpoint=str(run.last)))
    with ExitStack() as cleanup, pytest.raises(InputError, match=r"in use by process .*--run\.version NAME"):
        occupy(chosen, cleanup, writes=True)
    chosen = place(request(command, tmp_path, "--run.version", "y", checkpoint=str(run.last)))
    with ExitStack() as cleanup:
        assert occupy(chosen, cleanup, writes=True).path.is_dir()


def test_a_command_that_writes_nothing_takes_no_folder(tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        occupy(place(request("fit", tmp_path)), cleanup, writes=False)
    assert list(tmp_path.iterdir()) == []


def test_further_processes_use_the_folder_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with ExitStack() as cleanup:
        first = occupy(place(request("fit", tmp_path)), cleanup, writes=True)
        monkeypatch.setenv(VERSION_VARIABLE, first.version)
        monkeypatch.setenv("LOCAL_RANK", "1")
        assert occupy(place(request("fit", tmp_path)), cleanup, writes=True) == first
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["version_0"]
    monkeypatch.delenv("LOCAL_RANK")
    run = leave_run(tmp_path, "a", "x")
    with ExitStack() as cleanup:
        occupy(place(request("test", tmp_path)), cleanup, writes=True)
        monkeypatch.setenv("LOCAL_RANK", "1")
        assert place(request("test", tmp_path)).checkpoint == run.best
