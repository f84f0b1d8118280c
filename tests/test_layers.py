"""The library stands on its own: importing all of it brings in no Lightning, and none of the layers above it.

What may import what is written in `pyproject.toml`, as contracts of import-linter; `make lint` checks them.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = {
    *("lightning", "pytorch_lightning", "lightning_fabric"),
    *("callbacks", "cli", "datamodules", "experiments", "launcher", "lightning_modules"),
}


def modules() -> list[str]:
    files = sorted((ROOT / "episodic").rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]


def test_importing_the_library_brings_in_no_lightning() -> None:
    # In a process of its own: other tests may have imported Lightning into this one.
    names = modules()
    assert "episodic.memory.episodic_memory" in names
    code = "\n".join(
        [
            "import importlib, sys",
            f"for name in {names!r}: importlib.import_module(name)",
            f"print(sorted({FOREIGN!r} & set(sys.modules)))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
