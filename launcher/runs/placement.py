"""Which run folder a command writes to, and which checkpoint it starts from."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from episodic.errors import require
from launcher.arguments import option
from launcher.runs.ranks import VERSION_VARIABLE, chosen_version, rank
from launcher.runs.run_folder import RunFolder, RunSettings, claim_numbered, run_name, writing_to
from launcher.runs.progress import newest, shortfall, trained_runs

#: Values of `--ckpt_path` that name a checkpoint of the run that `--run.name` and `--run.version` name.
WORDS = ("last", "best")


class Request(NamedTuple):
    """What the command line asks for."""

    command: str  # fit, validate, test or predict
    run: RunSettings
    configs: Sequence[Path]
    checkpoint: str | None  # --ckpt_path
    arguments: Sequence[str]  # the command line itself

    @property
    def name(self) -> str:
        """Name of the run, as far as the checkpoint does not decide it."""
        return run_name(self.run, self.configs)

    def by_hand(self, part: str) -> bool:
        """Whether `--run.<part>` stands on the command line, rather than in a config."""
        return option(self.arguments, f"--run.{part}") is not None


class Placement(NamedTuple):
    """Where a command writes; `version` is None for the next free number."""

    root: Path
    name: str
    version: str | None
    checkpoint: Path | None
    new: bool  # whether the folder must not exist yet


def place(request: Request) -> Placement:
    """Choose the run folder and the checkpoint; nothing is written.

    Raises:
        InputError: The checkpoint or run does not exist; a name is not a folder's name.
    """
    if request.checkpoint is None and request.command == "fit":
        return Placement(Path(request.run.root), request.name, request.run.version, None, new=True)
    if request.checkpoint in (None, *WORDS):
        run, checkpoint = _trained(request)
        require(checkpoint.is_file(), f"nothing to {_verb(request)}: {checkpoint} does not exist")
        return Placement(run.root, run.name, run.version, checkpoint, new=False)
    checkpoint = Path(str(request.checkpoint))
    require(os.path.isfile(checkpoint), f"nothing to {_verb(request)}: checkpoint {checkpoint} does not exist")
    return _beside(request, checkpoint)


def occupy(placement: Placement, cleanup: ExitStack, *, writes: bool) -> RunFolder:
    """Claim or lock the run's folder for this command; `cleanup` gives it back when the command ends.

    The other processes of a distributed run use the folder that the first one has chosen. A command that does not
    write leaves the folder as it is.

    Raises:
        InputError: a new run's folder exists; another process writes to the folder, or this user may not.
    """
    root, name, version = placement.root, placement.name, placement.version
    if not writes:
        return RunFolder(root, name, version or "unwritten")
    if rank() > 0:
        return RunFolder(root, name, version or str(chosen_version()))
    if version is None:
        chosen_version()  # refuses processes that could not agree on a number
        run = claim_numbered(root, name)
    else:
        run = RunFolder(root, name, version)
        if placement.new:
            run.create()
    cleanup.enter_context(writing_to(run, new=placement.new))
    os.environ[VERSION_VARIABLE] = run.version  # for the processes that this one starts
    return run


def _trained(request: Request) -> tuple[RunFolder, Path]:
    """Find the run to resume or use if no path of a checkpoint is given."""
    folder = Path(request.run.root) / request.name
    version, reasons = request.run.version or chosen_version(), ""
    if version is not None:
        run = RunFolder(folder.parent, folder.name, version)
    else:
        runs = trained_runs(folder)
        require(bool(runs), f"no trained run in {folder}: nothing to {_verb(request)} there; run `fit` first")
        run = runs[0]
        if request.command != "fit":
            run, reasons = _to_use(runs)
    preferred = run.best if run.best.is_file() else run.last
    checkpoint = run.checkpoints / f"{request.checkpoint}.ckpt" if request.checkpoint else preferred
    if checkpoint.is_file():
        _announce(f"checkpoint: {checkpoint}", reasons or _lack(run))
    return run, checkpoint


def _to_use(runs: Sequence[RunFolder]) -> tuple[RunFolder, str]:
    """Choose the newest finished run, else the newest that is not being trained."""
    run, reasons = newest(runs)
    free = [other for other in runs if other.user() is None]
    require(bool(free), f"no run in {runs[0].path.parent} is finished ({reasons}): wait for it")
    return run or free[0], reasons


def _lack(run: RunFolder) -> str:
    """Say what a run's training lacks, for `_announce`; nothing for a finished one."""
    lack = shortfall(run) if run.last.is_file() else None
    return f"the training {lack}" if lack else ""


def _beside(request: Request, checkpoint: Path) -> Placement:
    """Place what is done with a checkpoint in its own run, unless the command line names another folder."""
    home = RunFolder.of_checkpoint(checkpoint)
    if home is None or not os.path.isfile(home.config):
        return Placement(Path(request.run.root), request.name, request.run.version, checkpoint, new=True)
    own = [os.path.realpath(path) for path in request.configs] == [os.path.realpath(home.config)]
    root, name, version = Path(request.run.root), request.name, request.run.version
    if own:  # its config says where the run was; it may have been moved
        root = root if request.by_hand("root") else home.root
        name = name if request.by_hand("name") else home.name
        version = version if request.by_hand("version") else None
    if request.command != "fit":
        version = version or home.version
        if lack := _lack(home):
            _announce(f"checkpoint: {checkpoint}", lack)
    by_hand = any(request.by_hand(part) for part in ("root", "name", "version"))
    target = root / name / (version or home.version)
    if not by_hand or os.path.realpath(target) == os.path.realpath(home.path):
        return Placement(home.root, home.name, home.version, checkpoint, new=False)
    return Placement(root, name, version, checkpoint, new=True)


def _announce(text: str, remark: str) -> None:
    """Print a line, with a remark in brackets, in the first process."""
    if rank() == 0:
        print(f"{text} ({remark})" if remark else text)


def _verb(request: Request) -> str:
    return "resume" if request.command == "fit" else request.command
