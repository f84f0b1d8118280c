"""Callbacks for results that loggers show besides metrics and pictures.

- `CheckpointStep`: results of `test` and `validate` stand at the step of their checkpoint.
- `ScalarLayout`: TensorBoard's page of the most useful metrics.
- `HyperparameterTab`: the options that experiments vary, beside the results.
- `ResultTables`: the results of `test` as a table.
"""

from typing import Any

import pytorch_lightning as pl

from callbacks.loggers.hyperparameters import HyperparameterTab
from callbacks.loggers.result_tables import ResultTables
from callbacks.loggers.scalar_layout import ScalarLayout
from callbacks.loggers.steps import CheckpointStep

__all__ = ["CheckpointStep", "HyperparameterTab", "ResultTables", "ScalarLayout", "logging_callbacks"]


def logging_callbacks(checkpoint: dict[str, Any] | None) -> list[pl.Callback]:
    """Return the callbacks of every run; `checkpoint` is the one that the command starts from."""
    return [CheckpointStep(checkpoint), ScalarLayout(), HyperparameterTab(), ResultTables()]
