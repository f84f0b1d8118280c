"""Checks made before Lightning is imported, which reads the environment as it is imported."""

import os
from importlib.util import find_spec

#: Variables that hold whole numbers of 0 or more. Launchers such as torchrun, SLURM and MPI set them.
NUMBERS = (
    "RANK",
    "LOCAL_RANK",
    "GROUP_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "MASTER_PORT",
    "SLURM_NTASKS",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_NNODES",
    "SLURM_PROCID",
    "SLURM_LOCALID",
    "SLURM_NODEID",
    "JSM_NAMESPACE_RANK",
    "JSM_NAMESPACE_SIZE",
    "JSM_NAMESPACE_LOCAL_RANK",
    "PL_GLOBAL_SEED",
    "PL_SEED_WORKERS",
)
LARGEST = {"PL_GLOBAL_SEED": 2**32 - 1, "MASTER_PORT": 2**16 - 1}
#: Names that are one folder each.
NAMES = ("EPISODIC_RUN_VERSION",)
#: What the command line cannot do without: the module, and what installs it.
PACKAGES = {
    "torch": "torch",
    "numpy": "numpy",
    "PIL": "pillow",
    "platformdirs": "platformdirs",
    "matplotlib": "matplotlib",
    "sklearn": "scikit-learn",
    "torchmetrics": "torchmetrics",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "torchvision": "torchvision",
    "rich": "rich",
    "pytorch_lightning": "pytorch-lightning",
    "jsonargparse": "jsonargparse[signatures]",
    "yaml": "PyYAML",
    "tensorboard": "tensorboard",
}


def environment_fault() -> str | None:
    """Say which environment variable no launcher would set so, and what would be right; None if all are fine."""
    for name in NUMBERS:
        value, largest = os.environ.get(name), LARGEST.get(name, 2**31 - 1)
        whole = value is not None and value.isascii() and value.isdigit() and len(value) < 12
        if value is not None and not (whole and int(value) <= largest):
            right = f"a whole number from 0 to {largest}, or not be set"
            return f"environment variable {name} is {value!r}: it must be {right}"
    for name in NAMES:
        value = os.environ.get(name)
        if value is not None and (value in ("", ".", "..") or "/" in value or not value.isprintable()):
            return f"environment variable {name} is {value!r}: it must be the name of a folder, or not be set"
    return None


def missing_package() -> str | None:
    """Say which package is missing, with the command that installs it; None if none is."""
    for module, package in PACKAGES.items():
        if find_spec(module) is None:
            return (
                f"package {package} is not installed: `pip install {package}`, or `pip install --editable .[train]` "
                "for all that the command line needs"
            )
    return None


def startup_fault() -> str | None:
    """Say why the imports that follow would fail; None if they would not."""
    return environment_fault() or missing_package()
