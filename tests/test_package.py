"""The installed package: what the wheel holds, what it imports, and that the README's example runs with it alone."""

import importlib
import importlib.util
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, distributions, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import episodic

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(module.name for module in pkgutil.iter_modules(episodic.__path__) if module.ispkg)
#: Packages that import without any extra.
CORE = ("agents", "checkpoints", "drawings", "memory", "networks", "objectives", "tasks")
SHIPPED = ("omniglot_autoencoder", "omniglot_autoencoder_denoising", "omniglot_encoder")
JUNK = shutil.ignore_patterns("__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel offline from a copy of the checkout, and return the folder that it is unzipped into."""
    if any(importlib.util.find_spec(name) is None for name in ("pip", "setuptools")):
        pytest.skip("building a wheel needs pip and setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "checkout"
    source.mkdir()
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE", *ROOT.glob("*.py")]:
        shutil.copy(path, source)
    for package in ROOT.glob("*/__init__.py"):
        shutil.copytree(package.parent, source / package.parent.name, ignore=JUNK)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(source)], folder)
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / "site")
    return folder / "site"


def run(command: list[str], cwd: Path, path: Path = ROOT) -> str:
    """Run a command with `path` in front of Python's search path; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    process = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_the_wheel_holds_the_library_alone(wheel: Path) -> None:
    files = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    contents = {name for name in files if ".dist-info/" not in name}
    sources = [path for ending in ("py", "cpp", "hpp") for path in (ROOT / "episodic").rglob(f"*.{ending}")]
    library = {path.relative_to(ROOT).as_posix() for path in sources}
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "episodic/checkpoints/shipped").iterdir()}
    assert {f"episodic/checkpoints/shipped/{name}.ckpt" for name in SHIPPED} <= shipped
    assert contents == library | shipped | {"episodic/py.typed"}


def test_the_readme_example_runs_beside_packages_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    for name in ("memory", "tasks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True")
    checks = [
        "import episodic, memory, tasks",
        f"assert episodic.__file__.startswith({str(wheel)!r}), episodic.__file__",
        "assert memory.MINE and tasks.MINE",
    ]
    script = tmp_path / "script.py"
    script.write_text("\n".join([without_extras(wheel), readme_example(), *checks]))
    assert run([sys.executable, str(script)], tmp_path, wheel).strip()


def test_shipped_encoders_load_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    lines = [
        "import torch",
        "from episodic.checkpoints import load_embedder",
        f"for name in {SHIPPED!r}:",
        "    print(*load_embedder(name).embed(torch.zeros(2, 1, 32, 32)).shape)",
    ]
    code = "\n".join([without_extras(wheel), *lines])
    shapes = run([sys.executable, "-c", code], tmp_path, wheel).splitlines()
    assert shapes == ["2 64", "2 64", "2 128"]


def test_core_packages_need_no_extra(wheel: Path, tmp_path: Path) -> None:
    modules = [
        module.name
        for name in CORE
        for module in pkgutil.iter_modules([str(ROOT / "episodic" / name)], prefix=f"episodic.{name}.")
    ]
    imports = [f"import {module}" for module in modules]
    run([sys.executable, "-c", "\n".join([without_extras(wheel), *imports])], tmp_path, wheel)


def readme_example() -> str:
    """Return the first block of Python in the README."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert "load_embedder" in blocks[0]
    assert "StackMemory" in blocks[0]
    return str(blocks[0])


def without_extras(wheel: Path) -> str:
    """Return code that hides every installed module that the wheel's own requirements do not bring in."""
    (library,) = distributions(path=[str(wheel)])
    needed = requirements_of(library.requires or [])
    owners = {name: {canonicalize_name(owner) for owner in found} for name, found in packages_distributions().items()}
    hidden = {name for name, distributed_by in owners.items() if not needed & distributed_by} - {"episodic"}
    assert {"matplotlib", "pytest", "sklearn", "torchmetrics", "pytorch_lightning"} <= hidden
    assert not {"torch", "numpy", "PIL"} & hidden
    return "\n".join(
        [
            "import sys",
            "class Hidden:",
            "    def find_spec(self, name, path=None, target=None):",
            f"        if name.partition('.')[0] in {sorted(hidden)!r}:",
            "            raise ModuleNotFoundError(f'{name} is not installed', name=name)",
            "sys.meta_path.insert(0, Hidden())",
        ]
    )


def requirements_of(requirements: list[str]) -> set[str]:
    """Return the names of all distributions that these requirements install, without extras of ours."""
    names: set[str] = set()
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in names or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        names.add(name)
        try:
            waiting += [Requirement(line) for line in distribution(name).requires or []]
        except PackageNotFoundError:  # for another platform, or vendored
            continue
    return names


def modules_after(statement: str) -> set[str]:
    """Return the names of the modules that are loaded after a statement in a fresh interpreter."""
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(run([sys.executable, "-c", code], ROOT).split())


def test_importing_episodic_loads_none_of_its_packages() -> None:
    loaded = modules_after("import episodic")
    assert {name for name in loaded if name.startswith("episodic")} == {"episodic"}
    assert not {"torch", "numpy"} & loaded


def test_importing_a_memory_loads_torch_alone() -> None:
    added = modules_after("import episodic.memory") - modules_after("import torch")
    roots = {name.partition(".")[0] for name in added} - sys.stdlib_module_names
    assert roots == {"episodic"}
    packages = {name.split(".")[1] for name in added if name.startswith("episodic.")}
    assert packages == {"errors", "files", "memory", "native"}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_lists_its_public_names(name: str) -> None:
    # Ruff checks that __all__ is sorted.
    package = importlib.import_module(f"episodic.{name}")
    assert package.__doc__
    assert package.__all__
    for public in package.__all__:
        assert hasattr(package, public), f"{name}.__all__ lists {public}, which does not exist"
    assert len(set(package.__all__)) == len(package.__all__)
