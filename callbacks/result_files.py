"""Files of results: `metrics.json`, `validation.json` and `regret_by_pull.csv`."""

import csv
import io
import json
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from callbacks.agent_reading import statistics_of
from callbacks.pictures import keeps_files
from episodic.files import replace_text

REGRET_FILE = "regret_by_pull.csv"


class MetricsJSON(pl.Callback):
    """Write all metrics as `{"test/reward": 8.3, ...}`: after `test` metrics.json, after `validate` validation.json."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _write_metrics(trainer, "metrics.json")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:  # not during training
            _write_metrics(trainer, "validation.json")


class RegretCSV(pl.Callback):
    """Write `regret_by_pull.csv` after `test` of an agent whose task measures regret.

    The columns are exposure and pull, both from 1, and the mean regret of an episode up to and including the pull, in
    units of reward.
    """

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        statistics = statistics_of(pl_module, "test")
        if statistics is None or "regret" not in statistics.measures:
            return
        with statistics.sync_context():  # adds up the blocks of all processes
            regrets = statistics.regret_by_pull().tolist()
        if keeps_files(trainer):
            rows = [
                [exposure, pull, f"{regret:.6f}"]
                for exposure, row in enumerate(regrets, start=1)
                for pull, regret in enumerate(row, start=1)
            ]
            table = io.StringIO()
            csv.writer(table, lineterminator="\n").writerows([["exposure", "pull", "regret"], *rows])
            replace_text(Path(trainer.default_root_dir) / REGRET_FILE, table.getvalue())


def _write_metrics(trainer: pl.Trainer, name: str) -> None:
    if keeps_files(trainer):
        logged = sorted(trainer.callback_metrics.items())
        metrics = {name: float(value) for name, value in logged if name != "step"}
        replace_text(Path(trainer.default_root_dir) / name, json.dumps(metrics, indent=2) + "\n")
