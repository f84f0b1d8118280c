"""`regret_by_pull.csv`: how a bandit agent's regret grows within an episode, by exposure to its context."""

import csv
import os
from pathlib import Path

import pytorch_lightning as pl

from callbacks.figures import keeps_files
from episodic.metrics.episode_statistics import EpisodeStatistics

FILE = "regret_by_pull.csv"
COLUMNS = ("exposure", "pull", "regret")


class RegretCSV(pl.Callback):
    """After `test` of a bandit agent writes the mean regret of an episode up to each pull, a row an exposure and pull.

    Exposures and pulls count from 1; regret is in units of reward. Other stages leave no such file.
    """

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        splits = getattr(pl_module, "statistics", None)
        statistics = splits["test"] if splits is not None else None
        if not isinstance(statistics, EpisodeStatistics):
            return
        with statistics.sync_context():  # every process has seen blocks of its own
            regrets = statistics.regret_by_pull().tolist()
        if keeps_files(trainer):
            _write(Path(trainer.default_root_dir) / FILE, regrets)


def _write(path: Path, regrets: list[list[float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replacement = path.with_name(f"{path.name}.tmp")
    with replacement.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for exposure, row in enumerate(regrets, start=1):
            for pull, regret in enumerate(row, start=1):
                writer.writerow([exposure, pull, f"{regret:.6f}"])
    os.replace(replacement, path)
