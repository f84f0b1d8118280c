"""Where a run lives, `<root>/<name>/<version>/`, and that one process at a time writes there."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from episodic.errors import InputError, require
from episodic.files import is_file_name
from launcher.runs.process_lock import ProcessLock, holder

#: Roots that were not there before this process; they go when the only run in them fails before its training.
MADE_ROOTS: set[Path] = set()
#: TensorBoard's files in a run's folder.
EVENTS = "events.out.tfevents.*"


@dataclass
class RunSettings:
    """Where a run is kept.

    Args:
        root: folder of all runs.
        name: name of the run; None takes the config's file name.
        version: name of the run's folder; None takes the next free `version_N` (for `fit`) or the newest
            (for the other commands, and to resume).
        threads: threads that torch computes with on a CPU; None leaves the choice to torch. Small networks are
            quicker with one.
    """

    root: str = "runs"
    name: str | None = None
    version: str | None = None
    threads: int | None = None


@dataclass(frozen=True)
class RunFolder:
    """`<root>/<name>/<version>/`."""

    root: Path
    name: str
    version: str

    @property
    def path(self) -> Path:
        return self.root / self.name / self.version

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """The checkpoint that a resume starts from."""
        return self.checkpoints / "last.ckpt"

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation figure."""
        return self.checkpoints / "best.ckpt"

    @property
    def config(self) -> Path:
        """The configuration that the run was started with."""
        return self.path / "config.yaml"

    @property
    def lock(self) -> Path:
        """The file that is there while a command writes into the folder."""
        return self.path / ".lock"

    def in_use(self) -> bool:
        """Whether anything lies in the folder."""
        return self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))

    def user(self) -> str | None:
        """Describe the process that writes into the folder now; None if there is none."""
        return holder(self.lock)

    def create(self) -> None:
        """Claim the folder by making it; it must not exist.

        Raises:
            InputError: it exists, or it cannot be made.
        """
        require(self._make(), f"run folder {self.path} already exists: choose another --run.version{self._remedy()}")

    def discard_if_untrained(self) -> None:
        """Remove a folder that this process has made, unless it holds a checkpoint."""
        if not any(self.checkpoints.glob("*")):
            shutil.rmtree(self.path, ignore_errors=True)
            with suppress(OSError):  # where other runs are there, the folder stays
                self.path.parent.rmdir()
                if self.root.absolute() in MADE_ROOTS:
                    self.root.rmdir()

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> "RunFolder | None":
        """The run of a checkpoint; None if the file is not in a run's `checkpoints/`."""
        path = checkpoint.absolute()
        if path.parent.name != "checkpoints" or len(path.parents) < 4:
            return None
        run = path.parents[1]
        return cls(root=_as_given(run.parents[1]), name=run.parent.name, version=run.name)

    def _make(self) -> bool:
        """Make the folder; False if it exists."""
        try:
            if not self.root.exists():
                MADE_ROOTS.add(self.root.absolute())
            for _ in range(100):
                with suppress(FileNotFoundError):  # another process has just removed the run's parent folder
                    self.path.mkdir(parents=True)
                    return True
        except FileExistsError:
            return False
        except OSError as error:
            raise InputError(f"run folder {self.path} cannot be created: {error.strerror}") from error
        return False

    def _remedy(self) -> str:
        """What else can be done about a folder that exists; nothing that would harm a run in progress."""
        if (user := self.user()) is not None:
            return f" ({user} is using it)"
        if self.last.is_file():
            return f", or resume it with --ckpt_path {self.last}"
        return ", or delete it (its training was killed before the first checkpoint)" if self.lock.exists() else ""


def claim_numbered(root: Path, name: str) -> RunFolder:
    """Claim the folder `version_N` with the smallest N that does not exist yet.

    Raises:
        InputError: it cannot be made.
    """
    number = 0
    while not (run := RunFolder(root, name, f"version_{number}"))._make():
        number += 1
    return run


@contextmanager
def writing_to(run: RunFolder, *, new: bool) -> Iterator[None]:
    """Keep other processes out of a run's folder for as long as a command runs.

    Args:
        run: the run; its folder exists.
        new: whether this process has just made the folder. It is removed if the command fails before training starts.

    Raises:
        InputError: another process is writing there, or this user may not.
    """
    lock, events = ProcessLock(run.lock), set(run.path.glob(EVENTS))
    try:
        _acquire(lock, run)
        yield
    except BaseException as error:
        lock.release()
        # Of a training that was broken off, the metrics are kept; invalid input leaves nothing.
        if new and (isinstance(error, InputError) or not (run.path / "metrics.csv").exists()):
            run.discard_if_untrained()
        elif isinstance(error, InputError):  # TensorBoard opens a file as soon as a command starts
            for path in set(run.path.glob(EVENTS)) - events:
                path.unlink(missing_ok=True)
        raise
    finally:
        lock.release()


def _acquire(lock: ProcessLock, run: RunFolder) -> None:
    elsewhere = "--run.root DIR or --run.version NAME puts what this command writes elsewhere"
    try:
        acquired = lock.acquire()
    except OSError as error:
        raise InputError(f"run folder {run.path} cannot be written to ({error.strerror}): {elsewhere}") from error
    require(acquired, f"run folder {run.path} is in use by {run.user() or 'another process'}: wait for it; {elsewhere}")


def _as_given(path: Path) -> Path:
    """Relative to the working directory if it lies below it: shorter to read."""
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path


def run_name(settings: RunSettings, configs: Sequence[Path]) -> str:
    """The run's name: as given, else that of the first config file.

    Raises:
        InputError: neither is there, or the name is not a folder's name.
    """
    name = settings.name or (configs[0].stem if configs else None)
    require(name is not None, "no --config and no --run.name: one of them must name the run")
    for part in (name, settings.version):
        require(
            part is None or is_file_name(part),
            f"{str(part)[:200]!r} is not a valid folder name: --run.name and --run.version are short single names",
        )
    return str(name)
