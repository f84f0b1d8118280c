"""The summary at the end of a command: the run, its metrics beside known numbers, and the next command."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.text import Text

from callbacks.pictures import FOLDER
from episodic.drawings.omniglot.sources import OmniglotDrawings
from launcher.summaries.hints import memory_hint
from launcher.summaries.metric_table import headline_metrics, metric_table
from launcher.summaries.next_commands import next_commands, resume_command
from launcher.summaries.references import references
from lightning_modules.episodic_agent import EpisodicAgent

if TYPE_CHECKING:
    from launcher.stage_cli import StageCLI

SPLITS = {"fit": "val", "validate": "val", "test": "test"}
FILES: dict[str, tuple[str, ...]] = {
    "fit": ("metrics.csv",),
    "validate": ("validation.json",),
    "test": ("metrics.json",),
    "predict": ("harvest.npz", "predictions.npz"),
}
#: Rows of the table after a training, which is judged by its test.
ROWS_OF_FIT = 5


class Stopwatch(NamedTuple):
    """When a command began."""

    wall: float  # seconds since 1970, to be compared with the times of files
    monotonic: float

    def seconds(self) -> float:
        return time.monotonic() - self.monotonic


@contextmanager
def summarised(command: "StageCLI") -> Iterator[None]:
    """Print the summary after a command; after an interruption, how it is resumed."""
    begun = Stopwatch(time.time(), time.monotonic())
    try:
        yield
    except (KeyboardInterrupt, SIGTERMException, SystemExit) as error:
        interrupted = not isinstance(error, SystemExit) or isinstance(error.__context__, KeyboardInterrupt)
        if interrupted and command.trainer.is_global_zero:
            _print_interruption(command)
        raise
    if command.trainer.is_global_zero:
        _print_summary(command, begun)


def _print_interruption(command: "StageCLI") -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if command.subcommand == "fit" and command.run.last.is_file():
        console.print(Text(f"interrupted; resume with\n  {resume_command(command.run)}"))
    else:
        console.print(Text(f"interrupted: {command.run.path} has no checkpoint to resume from"))


def _print_summary(command: "StageCLI", begun: Stopwatch) -> None:
    console = Console(highlight=False, soft_wrap=True)
    metrics = _metrics(command)
    if metrics:
        most = ROWS_OF_FIT if command.subcommand == "fit" else None
        shown = {name: metrics[name] for name in headline_metrics(metrics, most)}
        task, agent = _task(command), _agent(command)
        known = {name: references(name, metrics, task, agent) for name in shown}
        console.print(metric_table(shown, known))
        console.print()
    console.print(Text(f"{_outcome(command)} {_duration(begun.seconds())}", style="bold"))
    for name, value in _facts(command, begun, metrics):
        console.print(Text.assemble(f"  {name:<12}", (_printable(value), "cyan")))


def _outcome(command: "StageCLI") -> str:
    """What became of a command, up to its duration."""
    trainer = command.trainer
    if command.subcommand != "fit" or not _stopped_early(trainer):
        return f"{command.subcommand} finished in"
    epochs = trainer.max_epochs
    planned = "" if epochs is None or epochs < 0 else f" of {epochs}"
    return f"fit stopped after {trainer.current_epoch}{planned} epochs, in"


def _metrics(command: "StageCLI") -> dict[str, float]:
    """The metrics of the command's split, as the trainer logged them last."""
    split = SPLITS.get(str(command.subcommand), "none")
    logged = command.trainer.callback_metrics
    return {name: float(value) for name, value in sorted(logged.items()) if name.startswith(f"{split}/")}


def _task(command: "StageCLI") -> Any:
    task_of = getattr(command.datamodule, "task_of", None)
    return None if task_of is None else task_of(SPLITS.get(str(command.subcommand), "predict"))


def _agent(command: "StageCLI") -> str | None:
    """Which of the paper's agents this is; None: another one, or one that plays other drawings than the paper's."""
    model, splits = command.model, getattr(command.datamodule, "splits", None)
    if not isinstance(model, EpisodicAgent) or (splits and not isinstance(splits.drawings, OmniglotDrawings)):
        return None
    memory = model.agent.memory
    if memory is None:
        return "L2RL+context" if model.agent.cue_input else "L2RL"
    return "epL2RL" if memory.keys.source == "context" and not model.agent.cue_input else None


def _facts(command: "StageCLI", begun: Stopwatch, metrics: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """What to say about a command, line by line: a name and a value."""
    if getattr(command.trainer, "fast_dev_run", False):
        yield "run", "none: a fast_dev_run writes no files"
        return
    run = command.run
    yield "run", str(run.path)
    checkpoint = _checkpoint(command)
    if checkpoint is not None:
        yield "checkpoint", f"{checkpoint}{_score(command)}"
    for name in FILES[str(command.subcommand)]:
        if _is_new(run.path / name, begun):
            yield "file", f"{run.path / name}" + (f", all {len(metrics)} metrics" if name.endswith(".json") else "")
    pictures = [path for path in (run.path / FOLDER).glob("*.png") if _is_new(path, begun)]
    if pictures:
        yield "pictures", f"{run.path / FOLDER} ({len(pictures)})"
    hint = memory_hint(command.model, metrics)
    if hint is not None:
        yield "memory", hint
    if command.subcommand == "fit" and isinstance(command.model, EpisodicAgent):
        yield "arithmetic", command.model.updates.arithmetic
    if command.subcommand == "fit" and _stopped_early(command.trainer) and run.last.is_file():
        yield "resume", resume_command(run)
    commands = next_commands(str(command.subcommand), command.model, command.datamodule, run, checkpoint)
    for position, line in enumerate(commands):
        yield "next" if position == 0 else "", line


def _checkpoint(command: "StageCLI") -> Path | None:
    """The checkpoint that a training left, or that another command used."""
    if command.subcommand != "fit":
        return Path(str(command.settings.ckpt_path))
    return next((path for path in (command.run.best, command.run.last) if path.is_file()), None)


def _score(command: "StageCLI") -> str:
    """The monitored metric of the best checkpoint of a training."""
    callback: Any = command.trainer.checkpoint_callback
    score = getattr(callback, "best_model_score", None)
    monitor = getattr(callback, "monitor", None)
    if command.subcommand != "fit" or score is None or monitor is None:
        return ""
    return f", {monitor} {float(score):.4g}"


def _stopped_early(trainer: pl.Trainer) -> bool:
    epochs = trainer.max_epochs
    return epochs is None or epochs < 0 or trainer.current_epoch < epochs


def _is_new(path: Path, begun: Stopwatch) -> bool:
    return path.is_file() and path.stat().st_mtime >= begun.wall - 1  # file systems may round times


def _duration(seconds: float) -> str:
    """A duration to read.

    >>> _duration(7.25), _duration(75.0), _duration(7500.0)
    ('7.2 s', '1 min 15 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _printable(text: str) -> str:
    """The text with control characters spelt out, which a folder's name may hold."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
