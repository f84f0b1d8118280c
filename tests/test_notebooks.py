"""Stored notebooks: short cells, outputs of one run in order, small files. Nbmake runs them (`docs/tutorials`)."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks import FOLDER, KERNEL, clean

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_after_one_run_in_order(path: Path) -> None:
    nbformat.validate(nbformat.read(path, as_version=4))
    cells = code_cells(path)
    # `python -m tests.notebooks` runs and stores them.
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "there are no pictures"
    assert all(output.output_type != "error" for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_small(path: Path) -> None:
    assert path.stat().st_size < 300_000
    assert [cell.source for cell in code_cells(path) if len(cell.source.splitlines()) > 15] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == KERNEL
    assert all(cell.metadata == {} for cell in notebook.cells)
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    printed = [output.get("text", "") + str(output.get("data", "")) for output in outputs]
    for place in ("/tmp/", "/home/", str(FOLDER.parents[1]), "0x7f"):
        assert not any(place in text for text in printed), place


def test_cleaning_joins_what_was_printed_and_drops_metadata() -> None:
    cell = nbformat.v4.new_code_cell("print(1)", metadata={"execution": {"start": "today"}})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("1\n", "2\n")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell])
    clean(notebook)
    assert [output.text for output in notebook.cells[1].outputs] == ["1\n2\n"]
    assert notebook.cells[1].metadata == {}
    nbformat.validate(notebook)
