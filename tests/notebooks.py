"""Runs the notebooks and stores their outputs: `python -m tests.notebooks [NAME ...]`.

Stored notebooks can be read on GitHub without running them. They hold nothing that differs between two runs on one
machine: no timings, no execution metadata, no cell that was run out of order.
"""

import base64
import os
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tutorials"
#: Colours of a stored picture: plots have few, and a palette makes their files a third as large.
COLOURS = 128
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def main(names: Sequence[str]) -> int:
    """Run the notebooks with these names, or all of them."""
    for path in [FOLDER / f"{name}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb")):
        execute(path)
        print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size / 1000:.0f} kB")
    return 0


def execute(path: Path) -> None:
    """Run a notebook in its folder, and store it with its outputs."""
    os.environ["PYTHONPATH"] = str(FOLDER.parents[1])  # the kernel's working folder is the notebook's
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, record_timing=False, resources={"metadata": {"path": str(FOLDER)}}).execute()
    clean(notebook)
    nbformat.write(notebook, path)


def clean(notebook: Any) -> None:
    """Leave out what says nothing about the content, and make pictures small."""
    notebook.metadata = nbformat.from_dict(KERNEL)
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02d}", {}
        if cell.cell_type != "code":
            continue
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = smaller(data["image/png"])
                data.pop("text/plain", None)
                output.metadata = {}


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs, with parts of one printed text put together: where it is split depends on the time."""
    parts = list[Any]()
    for output in outputs:
        if parts and output.output_type == "stream" == parts[-1].output_type and output.name == parts[-1].name:
            parts[-1].text += output.text
        else:
            parts.append(output)
    return parts


def smaller(picture: str) -> str:
    """A PNG in base64 with a palette."""
    image = Image.open(BytesIO(base64.b64decode(picture))).convert("RGB")
    buffer = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
