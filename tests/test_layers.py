"""Networks, losses, memory and tasks stand on their own: without Lightning, and without the layers above them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("networks", "losses", "memory", "tasks")
FRAMEWORK = {"lightning", "pytorch_lightning", "lightning_fabric"}
ABOVE = {"callbacks", "datamodules", "lightning_modules", "launcher", "cli"}
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(source: str) -> set[str]:
    """Top-level names of everything that a source imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_are_found_wherever_they_are() -> None:
    source = """
import torch.nn
from pytorch_lightning.callbacks import Callback
def late():
    if True:
        import lightning as L
"""
    assert imported(source) == {"torch", "pytorch_lightning", "lightning"}


def test_every_package_has_files() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)
    assert "networks.episodic_lstm" in map(module_name, FILES)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_file_imports_lightning_or_a_layer_above(path: Path) -> None:
    assert not imported(path.read_text(encoding="utf-8")) & (FRAMEWORK | ABOVE)


def test_importing_everything_brings_in_no_lightning() -> None:
    # In a process of its own: other tests may have imported Lightning into this one.
    names = [module_name(path) for path in FILES]
    code = "\n".join(
        [
            "import importlib, sys",
            f"for name in {names!r}: importlib.import_module(name)",
            f"print(sorted({FRAMEWORK | ABOVE!r} & set(sys.modules)))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
