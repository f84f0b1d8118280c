"""The file of all logged metrics, `metrics.csv`, one row a step."""

import csv
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.loggers.logger import Logger


class MetricsCSV(Logger):
    """Append metrics to `<folder>/metrics.csv`; a resumed run continues after the rows that its checkpoint knows.

    Lightning's own CSVLogger deletes the file of the run that it resumes.

    Args:
        folder: the run's folder.
        keep_rows: number of rows of an existing file to keep; None keeps all.
    """

    def __init__(self, folder: str | Path, keep_rows: int | None = None) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.columns: list[str] = ["step"]
        self.rows: list[dict[str, str]] = []
        self.last_step = 0
        self._written = 0
        self._rewrite = True
        if self.path.is_file():
            with self.path.open(newline="") as file:
                reader = csv.DictReader(file)
                self.rows = list(reader)[:keep_rows]
                self.columns = list(reader.fieldnames or self.columns)
            self.last_step = int(self.rows[-1]["step"]) if self.rows else 0

    @property
    def path(self) -> Path:
        return self.folder / "metrics.csv"

    @property
    def name(self) -> str:
        return self.folder.parent.name

    @property
    def version(self) -> str:
        return self.folder.name

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Write nothing: the run's `config.yaml` holds the hyperparameters."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row, or join the last row if it has the same step and none of these metrics."""
        step = int(step) if step is not None else self.last_step
        new = {name: repr(float(value)) for name, value in metrics.items()}
        same_row = bool(self.rows) and step == self.last_step and not set(new) & set(self.rows[-1]) - {"epoch"}
        if same_row:
            self.rows[-1].update(new)
            self._rewrite = self._rewrite or self._written >= len(self.rows)
        else:
            self.rows.append({"step": str(step), **new})
        self.last_step = step
        unknown = [name for name in new if name not in self.columns]
        if unknown:
            self.columns += sorted(unknown)
            self._rewrite = True

    @rank_zero_only
    def save(self) -> None:
        """Append new rows to the file, or rewrite it if there is a new column."""
        if not self._rewrite and self._written == len(self.rows):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._rewrite:
            replacement = self.path.with_suffix(".tmp")
            self._write(replacement, "w", self.rows)
            os.replace(replacement, self.path)
        else:
            self._write(self.path, "a", self.rows[self._written :])
        self._rewrite, self._written = False, len(self.rows)

    def _write(self, path: Path, mode: str, rows: list[dict[str, str]]) -> None:
        with path.open(mode, newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()
