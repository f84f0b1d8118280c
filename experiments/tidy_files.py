"""Tidy CSVs: a row an observation, whose columns are mostly the fields of a named tuple."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from episodic.errors import InputError, require
from experiments.record import write_whole

Record = TypeVar("Record", bound=tuple[Any, ...])


def write_records(path: Path, kind: type[Record], records: Sequence[Record]) -> None:
    """Write the CSV of named tuples anew, in one go."""
    write_cells(path, list(get_type_hints(kind)), records)


def write_cells(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a CSV of these cells anew, in one go."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_whole(path, text.getvalue())


def read_records(path: Path, kind: type[Record], maker: str) -> list[Record]:
    """The rows of a CSV as named tuples, whose fields are numbers or text; `maker` is the command that makes it.

    Raises:
        InputError: there is no such file, or a row of it is none of this kind.
    """
    columns = get_type_hints(kind)

    def record(row: dict[str, str]) -> Record:
        return kind(*[convert(row[name]) for name, convert in columns.items()])

    return read_cells(path, list(columns), record, maker)


def read_cells(
    path: Path, columns: Sequence[str], parse: Callable[[dict[str, str]], Record], maker: str
) -> list[Record]:
    """What `parse` makes of the rows of a CSV, which have to have these columns.

    Raises:
        InputError: there is no such file, it is no CSV in UTF-8, it lacks a column, or `parse` raises a TypeError or
            ValueError.
    """
    require(path.is_file(), f"results {path} do not exist: {maker} makes them")
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        records = [] if missing else [parse(row) for row in reader]
    except (TypeError, ValueError, csv.Error) as error:
        raise InputError(f"results {path}, line {reader.reader.line_num}: {error}") from error
    require(not missing, f"results {path} have no column {next(iter(missing), '')}: {maker} makes them")
    return records


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"results {path} are no UTF-8: {error}") from error
