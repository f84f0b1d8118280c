"""Where a run lives: `<root>/<name>/<version>/`, and that no run overwrites another."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from episodic.errors import InputError, require
from episodic.files import is_file_name

#: How the process that starts a distributed run tells the others which version it chose.
VERSION_VARIABLE = "EPISODIC_RUN_VERSION"


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

    def in_use(self) -> bool:
        """Whether anything lies in the folder."""
        return self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))

    def create(self) -> None:
        """Make the folder; it must not hold a run.

        Raises:
            InputError: it does, or it cannot be made.
        """
        rest = f"resume it with --ckpt_path {self.last}" if self.last.is_file() else "delete it (it has no checkpoint)"
        require(not self.in_use(), f"run folder {self.path} is in use: choose another --run.version, or {rest}")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"run folder {self.path} cannot be made: {error.strerror}") from error

    def discard_if_untrained(self) -> None:
        """Take the folder away again where a run failed before it left a checkpoint."""
        if not self.checkpoints.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            with suppress(OSError):  # where other runs of that name are there, its folder stays
                self.path.parent.rmdir()

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> "RunFolder | None":
        """The run that a checkpoint lies in, or None where it lies in no run's `checkpoints/`."""
        path = checkpoint.absolute()
        if path.parent.name != "checkpoints" or len(path.parents) < 4:
            return None
        run = path.parents[1]
        return cls(root=_as_given(run.parents[1]), name=run.parent.name, version=run.name)


def _as_given(path: Path) -> Path:
    """Relative to the working directory where it lies below it: shorter to read."""
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path


def run_name(settings: RunSettings, configs: Sequence[Path]) -> str:
    """The run's name: as given, else that of the first config file.

    Raises:
        InputError: neither is there, or the name is not a folder's name.
    """
    name = settings.name or (configs[0].stem if configs else None)
    require(name is not None, "no --config and no --run.name: one of them has to name the run")
    for part in (name, settings.version):
        require(
            part is None or is_file_name(part),
            f"{str(part)[:200]!r} is no name for a folder: --run.name and --run.version are short single names",
        )
    return str(name)


def new_run(settings: RunSettings, name: str) -> RunFolder:
    """The folder of a new run: the version asked for, else the next free number."""
    root = Path(settings.root)
    if settings.version is not None:
        return RunFolder(root, name, settings.version)
    if (rank := int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))) > 0:
        version = os.environ.get(VERSION_VARIABLE)
        require(version is not None, f"process {rank} cannot number the run by itself: give --run.version")
        return RunFolder(root, name, str(version))
    number = 0
    while RunFolder(root, name, f"version_{number}").in_use():
        number += 1
    return RunFolder(root, name, f"version_{number}")


def existing_run(settings: RunSettings, name: str) -> RunFolder:
    """The folder of a run that was trained: the version asked for, else the newest that has a checkpoint.

    Raises:
        InputError: there is none.
    """
    root = Path(settings.root)
    if settings.version is not None:
        return RunFolder(root, name, settings.version)
    checkpoints = list((root / name).glob("*/checkpoints/last.ckpt"))
    require(bool(checkpoints), f"no trained run in {root / name}: nothing to resume or test there; `fit` comes first")
    newest = max(checkpoints, key=lambda path: path.stat().st_mtime)
    return RunFolder(root, name, newest.parents[1].name)
