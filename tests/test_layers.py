"""Importing the whole library loads neither Lightning nor any layer above it, directly or through other libraries.

`make lint` checks the imports in the sources against the contracts in `pyproject.toml`.
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


def test_importing_the_library_loads_no_lightning() -> None:
    # Other tests may have imported Lightning into this process: check a fresh one.
    names = modules()
    assert "episodic.memory.episodic_memory" in names
    code = "\n".join(
        [
            "import importlib, sys",
            f"for name in {names!r}: importlib.import_module(name)",
            f"print(sorted({FOREIGN!r} & set(sys.modules)))",
        ]
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "[]"
