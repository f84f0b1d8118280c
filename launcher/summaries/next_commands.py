"""The commands that one would run next."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from datamodules.omniglot_bandit import OmniglotBanditDataModule
from episodic.errors import InputError
from launcher.runs.run_folder import RunFolder
from launcher.trust.check import require_trusted
from launcher.trust.run_config import read_run_config
from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.encoder import Encoder
from lightning_modules.episodic_agent import EpisodicAgent

PROJECT = Path(__file__).resolve().parents[2]


def next_commands(command: str, model: Any, data: Any, run: RunFolder, checkpoint: Path | None) -> list[str]:
    """List the commands to go on with, ready to be pasted into a shell.

    Args:
        command: the subcommand that is done.
        model: its LightningModule.
        data: its data module.
        run: its run.
        checkpoint: that it wrote or used, if any.
    """
    if checkpoint is None:
        return []
    if command in ("fit", "validate"):
        return [_continue("test", checkpoint), *_tensorboard(run)]
    if command == "test":
        return [*_use(model, run, checkpoint), *_tensorboard(run)]
    return _encoder_of_states(model, data, run)


def resume_command(run: RunFolder) -> str:
    """The command that resumes a training from its newest checkpoint."""
    return _continue("fit", run.last)


def _continue(command: str, checkpoint: Path) -> str:
    """The command that uses a checkpoint, with `--trust` if the run's config needs it."""
    run = RunFolder.of_checkpoint(checkpoint)
    trust = [] if run is None or _is_trusted(run) else ["--trust"]
    return cli(command, "--ckpt_path", checkpoint, *trust)


def _is_trusted(run: RunFolder) -> bool:
    try:
        require_trusted(read_run_config(run.config), run.config, given=lambda _: False)
    except InputError:
        return False
    return True


def cli(*arguments: str | Path) -> str:
    """The command line with these arguments."""
    return shlex.join([_program("python"), _shortest(PROJECT / "cli.py"), *map(str, arguments)])


def _use(model: Any, run: RunFolder, checkpoint: Path) -> list[str]:
    """What a tested model is used for: an agent's states are harvested, an encoder is exported."""
    if isinstance(model, EpisodicAgent):
        return [_continue("predict", checkpoint)]
    if isinstance(model, Encoder | OmniglotAutoencoder) and checkpoint == run.best:
        export = [_program("python"), "-m", "launcher.export", str(run.path), f"{run.name}.ckpt"]
        return [shlex.join(export)]
    return []


def _encoder_of_states(model: Any, data: Any, run: RunFolder) -> list[str]:
    """After a harvest: the training of an encoder, which needs labels that mean the same in every block."""
    if not isinstance(model, EpisodicAgent) or not data.task_of("predict").fixed_labels:
        return []
    kind = "omniglot_hidden_state_encoder" if isinstance(data, OmniglotBanditDataModule) else "hidden_state_encoder"
    of_task = PROJECT / "configs" / f"{run.name.removesuffix('_harvest')}_hidden_state_encoder.yaml"
    config = of_task if of_task.is_file() else PROJECT / "configs" / f"{kind}.yaml"
    return [cli("fit", "--config", _shortest(config), "--data.harvest", run.path / "harvest.npz")]


def _tensorboard(run: RunFolder) -> list[str]:
    return [shlex.join([_program("tensorboard"), "--logdir", str(run.root)])]


def _program(name: str) -> str:
    """A program of this environment: by its name if the shell finds it, else by its path."""
    path = Path(sys.executable).with_name(name)
    return name if shutil.which(name) == str(path) else _shortest(path)


def _shortest(path: Path) -> str:
    """A path relative to the working directory if it lies below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
