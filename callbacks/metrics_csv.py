"""The file of all logged metrics, `metrics.csv`, one row per step."""

import csv
import io
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.loggers.logger import Logger

from episodic.errors import InputError
from episodic.files import replacing


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
        self._written = self._sealed = 0
        self._rewrite = True
        if self.path.is_file():
            reader = csv.DictReader(io.StringIO(whole_lines(self.path), newline=""))
            self.rows = [{name: value for name, value in row.items() if value} for row in reader][:keep_rows]
            used = {name for row in self.rows for name in row}
            self.columns += [name for name in reader.fieldnames or [] if name in used and name != "step"]
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
        joins = len(self.rows) > self._sealed and step == self.last_step
        if joins and not set(new) & set(self.rows[-1]) - {"epoch"}:
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
        """Append new rows to the file, or rewrite it if there is a new column.

        Raises:
            InputError: the file cannot be written.
        """
        if not self._rewrite and self._written == len(self.rows):
            return
        if self._rewrite:
            with replacing(self.path) as temporary, temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, self.columns)
                writer.writeheader()
                writer.writerows(self.rows)
        else:
            try:
                with self.path.open("a", newline="") as file:
                    csv.DictWriter(file, self.columns).writerows(self.rows[self._written :])
            except OSError as error:
                raise InputError(f"{self.path} cannot be written: {error.strerror or error}") from error
        self._rewrite, self._written = False, len(self.rows)

    @rank_zero_only
    def flush(self) -> None:
        """Bring all rows to the disk, before a checkpoint that counts them."""
        self.save()
        if self.path.is_file():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    def seal(self) -> None:
        """Have later metrics start a new row: a resumed training continues after the existing ones."""
        self._sealed = len(self.rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()


def whole_lines(path: Path) -> str:
    """Read a text without its last line if that is unfinished: what a killed process leaves.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "metrics.csv"
    ...     _ = path.write_text("step,loss\\n1,0.5\\n2,0.", encoding="utf-8")
    ...     whole_lines(path)
    'step,loss\\n1,0.5\\n'
    """
    text = path.read_bytes().decode("utf-8", errors="replace")
    return text[: text.rfind("\n") + 1]
