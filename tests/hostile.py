"""Run folders of a stranger, and what they must not touch."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.runs import files

Edit = Callable[[dict[str, Any]], None]


def foreign_run(own: Path, folder: Path) -> Path:
    """Copy a run to `folder/runs/x/version_0`, with a module beside its config that leaves the file `marker`."""
    run = folder / "runs" / "x" / "version_0"
    shutil.copytree(own, run)
    marker = folder / "marker"
    (run / "evil.py").write_text(
        f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"
        "def go(*args, **kwargs): return None\nclass Evil:\n    def __init__(self, *args, **kwargs): pass\n"
    )
    return run


def edit(run: Path, change: Edit) -> None:
    """Change a run's config, and keep its first line."""
    path = run / "config.yaml"
    text = path.read_text()
    config = yaml.safe_load(text)
    change(config)
    path.write_text(text.splitlines()[0] + "\n" + yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def outside(folder: Path, run: Path) -> dict[str, str]:
    """Every file below a folder that is not of the run, with the hash of its content."""
    inside = f"{run.relative_to(folder)}/"
    return {name: digest for name, digest in files(folder).items() if not name.startswith(inside)}
