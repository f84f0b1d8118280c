"""Tables of results as tidy CSVs, through pandas: one row a test, with the axes as columns."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from packaging.version import parse

from episodic.errors import InputError, require
from episodic.files import replace_text
from experiments.engine.job import REGRET_FILE, Job, Record, is_stale, read_record
from experiments.planning.grid import EVALUATION, Grid
from experiments.planning.plan import Cell

LOGGED = "metrics.csv"  # in a training's folder
#: Columns after the metrics: what the training cost by itself, then with all stages that it builds on.
AFTER = ("revision", "seconds", "total_seconds", "parameters")
#: From pandas 3.1 on numbers are read exactly by default.
EXACT: dict[str, Any] = {} if parse(pd.__version__) >= parse("3.1") else {"float_precision": "round_trip"}


class Written(NamedTuple):
    """A grid's results and the CSV that they were written to."""

    frame: pd.DataFrame
    csv: Path


def csv_path(results: Path, grid: str, what: str = "") -> Path:
    """Return the path of a grid's results, or of its `curves` or `regret`."""
    return results / f"{grid}{what and f'_{what}'}.csv"


def csv_paths(grid: Grid, results: Path) -> list[Path]:
    """Return all files that `write_results` writes."""
    kinds = ["", *["curves"] * bool(grid.file.curves), *["regret"] * grid.file.regret_by_pull]
    return [csv_path(results, grid.name, kind) for kind in kinds]


def read_table(path: Path, columns: Sequence[str], maker: str = "python -m experiments.run") -> pd.DataFrame:
    """Read a CSV; numbers as they were written, to the last digit.

    Args:
        path: of the file.
        columns: which it must have.
        maker: the command that makes it.

    Raises:
        InputError: there is no such file, it is not a CSV, or it lacks a column.
    """
    require(path.is_file(), f"results {path} do not exist: {maker} makes them")
    try:
        # Only empty cells are missing: a level may be named "none" or "null".
        # A revision such as 8e94905 is a name, not the number that it looks like.
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"revision": "str"}, **EXACT)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"results {path} are not a CSV: {' '.join(str(error).split())}") from error
    missing = [name for name in columns if name not in frame.columns]
    require(not missing, f"results {path} have no column {missing and missing[0]}: {maker} makes them")
    for name in ("seed", "step", "exposure", "pull"):
        whole = name not in frame.columns or pd.api.types.is_integer_dtype(frame[name])
        require(whole or not len(frame), f"results {path}: column {name} must hold whole numbers")
    return frame


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Replace a CSV as a whole."""
    text = io.StringIO()
    frame.to_csv(text, index=False, lineterminator="\n")
    replace_text(path, text.getvalue())


def read_results(grid: Grid, results: Path) -> pd.DataFrame:
    """Read the rows of a grid's CSV whose condition and evaluation the grid still has.

    Raises:
        InputError: see `read_table`; or there are no such rows, or a metric of the grid is in none of them.
    """
    frame = read_table(csv_path(results, grid.name), columns_of(grid))
    frame["condition"] = frame["condition"].astype(str)
    cells = {(condition.name, name) for condition in grid.conditions for name in grid.evaluations_of(condition)}
    keys = pd.Series(list(zip(frame["condition"], frame[EVALUATION].astype(str), strict=True)), index=frame.index)
    frame = frame[keys.isin(cells)]
    strange = f"{grid.name}: there are no results of its conditions: python -m experiments.run makes them"
    require(len(frame) > 0, strange)
    for metric in grid.file.metrics:
        known = ", ".join(column for column in frame.columns if "/" in column)
        require(metric in frame.columns, f"metrics: {metric!r} is none of the results', which are {known}")
    return frame


def columns_of(grid: Grid) -> list[str]:
    """Return the columns that name a row."""
    return ["condition", *grid.file.axes, EVALUATION, "seed"]


def collect(grid: Grid, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return the rows of all cells that have been tested."""
    rows = []
    for cell in cells:
        record = read_record(cell.test)
        if record is not None and _is_usable(cell.test, record):
            metrics = json.loads(cell.test.product.read_text(encoding="utf-8"))
            seconds = round(record.needs.get(cell.training.key, {}).get("seconds", 0.0), 1)
            place = {EVALUATION: cell.evaluation, "seed": cell.seed, "revision": record.revisions, "seconds": seconds}
            rows.append({**_levels(cell), **place, **_costs(cell.training), **metrics})
    metrics = sorted({name for row in rows for name in row if "/" in name})
    return pd.DataFrame(rows, columns=[*columns_of(grid), *metrics, *AFTER])


def _costs(training: Job) -> dict[str, Any]:
    """Return the seconds and the learned parameters of a training with all jobs that it builds on; None: not known."""
    records = [read_record(job) for job in _chain(training).values()]
    counts = [record.parameters for record in records if record is not None]
    seconds = sum(record.seconds for record in records if record is not None)
    return {"total_seconds": round(seconds, 1), "parameters": sum(counts) or None}


def _chain(job: Job) -> dict[str, Job]:
    return {job.key: job} | {key: other for need in job.needs for key, other in _chain(need).items()}


def _levels(cell: Cell) -> dict[str, Any]:
    return {"condition": cell.condition.name, **cell.condition.levels}


def _is_usable(job: Job, record: Record) -> bool:
    """Return whether a job ended well, left its product, and is not stale."""
    return record.finished is not None and job.product.is_file() and not is_stale(job, record)


def collect_curves(grid: Grid, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return what the trainings logged step by step; a training of two conditions stands under the first one."""
    parts = []
    for cell in {cell.training.key: cell for cell in reversed(cells)}.values():
        path, record = cell.training.run.path / LOGGED, read_record(cell.training)
        if record is not None and record.finished is not None and path.is_file():
            logged = read_table(path, ["step"]).reindex(columns=["step", *grid.file.curves])
            logged = logged.dropna(subset=grid.file.curves, how="all").map(_short)
            parts.append(logged.assign(seed=cell.seed, **_levels(cell)))
    return _joined(parts[::-1], ["condition", *grid.file.axes, "seed", "step", *grid.file.curves])


def _short(value: float) -> float:
    """Round to six digits, in half the length; steps stay whole."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def collect_regrets(grid: Grid, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return the regret of all tests by exposure and pull."""
    parts = []
    for cell in cells:
        path, record = cell.test.run.path / REGRET_FILE, read_record(cell.test)
        if record is not None and _is_usable(cell.test, record) and path.is_file():
            part = read_table(path, ["exposure", "pull", "regret"], "cli.py test")
            parts.append(part.assign(seed=cell.seed, **{EVALUATION: cell.evaluation}, **_levels(cell)))
    return _joined(parts, [*columns_of(grid), "exposure", "pull", "regret"])


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return (pd.concat(parts) if parts else pd.DataFrame()).reindex(columns=list(columns))


def write_results(grid: Grid, cells: Sequence[Cell], results: Path, partial: Path) -> Written:
    """Write all CSVs of a grid, of what is done so far.

    They go to `results`, or to `partial` while the grid is not complete and `results` already has more rows.
    """
    places = {(cell.condition.name, cell.evaluation): place for place, cell in enumerate(cells)}
    cells = sorted(cells, key=lambda cell: places[cell.condition.name, cell.evaluation])
    frame = collect(grid, cells)
    lost = len(frame) < len(cells) and _has_more(csv_path(results, grid.name), len(frame))
    folder = partial if lost else results
    write_table(csv_path(folder, grid.name), frame)
    if grid.file.curves:
        write_table(csv_path(folder, grid.name, "curves"), collect_curves(grid, cells))
    if grid.file.regret_by_pull:
        write_table(csv_path(folder, grid.name, "regret"), collect_regrets(grid, cells))
    return Written(frame, csv_path(folder, grid.name))


def _has_more(csv: Path, count: int) -> bool:
    """Return whether a CSV has more rows than `count`, or cannot be read."""
    try:
        return csv.exists() and len(read_table(csv, ())) > count
    except InputError:
        return True
