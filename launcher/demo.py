"""`make demo`: train and test the barcode bandit, then print its results and the paths of its plots.

The run is named after a hash of the sources. A finished run is only printed, an interrupted one is resumed.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from launcher.runs.run_folder import RunFolder
from launcher.summaries.references import PAPER

PROJECT = Path(__file__).resolve().parent.parent
CLI = PROJECT / "cli.py"
CONFIG = Path("configs/barcode_bandit.yaml")
#: Packages that decide the demo's results.
SOURCES = ("lightning_modules", "datamodules", "episodic")
OTHERS = {
    "epL2RL in the paper": PAPER["BarcodeBandit"]["epL2RL"],
    "L2RL in the paper": PAPER["BarcodeBandit"]["L2RL"],
    "random choice": 1.8,
    "ideal observer": 8.43,
}


def demo() -> int:
    """Fit, test and report; return the exit status of the first command that fails, else 0."""
    run = RunFolder(PROJECT / "runs", "barcode_bandit", f"demo_{sources_hash()}")
    folder = ["--run.root", str(run.root), "--run.name", run.name, "--run.version", run.version]
    config = ["--config", str(PROJECT / CONFIG)]
    if (user := run.user()) is not None:
        print(
            f"error: {user} is already running the demo in {run.path.relative_to(PROJECT)}: wait for it",
            file=sys.stderr,
        )
        return 2
    if not (run.path / "metrics.json").is_file():
        resume = ["--ckpt_path", str(run.last)] if run.last.is_file() else []
        if not resume:
            shutil.rmtree(run.path, ignore_errors=True)  # interrupted before its first checkpoint
        if not (run.path / "trained").is_file():
            print(f"training {CONFIG} into {run.path.relative_to(PROJECT)} ...", flush=True)
            if status := command(["fit", *config, *folder, *resume]):
                return status
            (run.path / "trained").touch()
        if status := command(["test", "--ckpt_path", str(run.best)]):
            return status
    report(run)
    return 0


def command(arguments: list[str]) -> int:
    """Run `python cli.py` with these arguments in a separate process, and return its exit status."""
    with subprocess.Popen([sys.executable, str(CLI), *arguments]) as process:
        while process.poll() is None:
            with suppress(KeyboardInterrupt):  # Ctrl-C reaches the process too, which then stops by itself
                process.wait()
    return process.returncode


def sources_hash() -> str:
    """Return eight hexadecimal digits that change with the sources and the config."""
    digest = hashlib.sha256((PROJECT / CONFIG).read_bytes())
    for package in SOURCES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def report(run: RunFolder) -> None:
    """Print the rewards and the paths of the plots."""
    metrics = json.loads((run.path / "metrics.json").read_text())
    table = Table(title="Barcode bandit, mean reward of an episode of 10 pulls, test blocks")
    table.add_column("player")
    table.add_column("reward", justify="right")
    table.add_row("this agent (epL2RL)", f"[bold]{metrics['test/reward']:.2f}")
    for name, reward in OTHERS.items():
        table.add_row(name, f"{reward:.2f}")
    exposures = Table(title="by exposure to a context")
    rewards = sorted((k, v) for k, v in metrics.items() if k.startswith("test/reward_exposure_"))
    for name, _ in rewards:
        exposures.add_column(name.removeprefix("test/reward_exposure_").lstrip("0"), justify="right")
    exposures.add_row(*(f"{value:.2f}" for _, value in rewards))
    console = Console()
    console.print(table)
    console.print(exposures)
    print(f"recalled the right context in {metrics['test/recall_accuracy']:.1%} of reads")
    print("plots:")
    for path in sorted((run.path / "figures").glob("*.png")):
        print(f"  {path.relative_to(PROJECT)}")
    print("curves: .venv/bin/tensorboard --logdir runs")


if __name__ == "__main__":
    sys.exit(demo())
