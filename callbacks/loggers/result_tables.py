"""The results of `test` as a table, for loggers that show text."""

from collections.abc import Mapping
from functools import singledispatch

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from callbacks.loggers.names import NUMBERED
from callbacks.pictures import keeps_files, logged_step

NAME = "test_results"


class ResultTables(pl.Callback):
    """Send the results of `test` to all loggers that show tables."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not keeps_files(trainer):
            return
        results = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("test/")}
        if results:
            for logger in trainer.loggers:
                send_results(logger, results, logged_step(trainer))


@singledispatch
def send_results(logger: Logger, results: Mapping[str, float], step: int) -> None:
    """Send the results of a test to a logger."""


@send_results.register
def _(logger: TensorBoardLogger, results: Mapping[str, float], step: int) -> None:
    logger.experiment.add_text(NAME, markdown(results), step)


@send_results.register
def _(logger: WandbLogger, results: Mapping[str, float], step: int) -> None:
    logger.log_table(NAME, columns=["metric", "value"], data=[list(row) for row in results.items()], step=step)


@send_results.register
def _(logger: MLFlowLogger, results: Mapping[str, float], step: int) -> None:
    logger.experiment.log_text(logger.run_id, markdown(results), f"{NAME}.md")


def markdown(results: Mapping[str, float]) -> str:
    """Return a table of the metrics, and tables of those by exposure and by pull.

    >>> print(markdown({"test/reward": 8.25, "test/reward_exposure_01": 4.0, "test/reward_exposure_02": 7.5}))
    | metric | test |
    |---|---|
    | reward | 8.25 |
    <BLANKLINE>
    | exposure | reward |
    |---|---|
    | 1 | 4 |
    | 2 | 7.5 |
    """
    overall: dict[str, float] = {}
    numbered: dict[str, dict[int, dict[str, float]]] = {}
    for name, value in results.items():
        metric = name.removeprefix("test/")
        if match := NUMBERED.fullmatch(metric):
            numbered.setdefault(match[2], {}).setdefault(int(match[3]), {})[match[1]] = value
        else:
            overall[metric] = value
    tables = [_table(["metric", "test"], [[name, f"{value:.4g}"] for name, value in sorted(overall.items())])]
    for kind, rows in numbered.items():
        metrics = sorted({metric for row in rows.values() for metric in row})
        cells = [[str(n), *(f"{row[m]:.4g}" if m in row else "" for m in metrics)] for n, row in sorted(rows.items())]
        tables.append(_table([kind, *metrics], cells))
    return "\n\n".join(tables)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, *rows]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" if line[0] != "---" else "|" + "---|" * len(line) for line in lines)
