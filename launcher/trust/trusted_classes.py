"""The classes that a run's own `config.yaml` may name: they run no foreign code and write nothing elsewhere."""

import importlib
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

#: Packages of this project. Of `callbacks` only those in `PLOTS` count; the others write to paths from their arguments.
PACKAGES = ("callbacks", "datamodules", "episodic", "lightning_modules")
PLOTS = (
    "AgentPlots",
    "BanditPlots",
    "ChoicePlots",
    "CompositionalPlots",
    "EncoderPlots",
    "HiddenStatePlots",
    "MazePlots",
    "MemoryMonitor",
    "Reconstructions",
    "TwoStepPlots",
)
#: Packages whose public names are also known without their package.
SHORT = (
    "callbacks",
    "datamodules",
    "lightning_modules",
    *(f"episodic.{name}" for name in ("agents", "drawings", "memory", "networks", "objectives", "tasks")),
)
#: Lightning's classes that neither call what they are given nor write outside the run.
LIGHTNING = {
    "pytorch_lightning.callbacks": (
        "DeviceStatsMonitor",
        "EarlyStopping",
        "EMAWeightAveraging",
        "GradientAccumulationScheduler",
        "LearningRateMonitor",
        "ModelSummary",
        "RichModelSummary",
        "RichProgressBar",
        "StochasticWeightAveraging",
        "Timer",
        "TQDMProgressBar",
        "WeightAveraging",
    ),
    "pytorch_lightning.loggers": ("CSVLogger", "TensorBoardLogger"),
    "pytorch_lightning.profilers": ("AdvancedProfiler", "PassThroughProfiler", "SimpleProfiler"),
}
OPTIMISERS = "torch.optim"
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def trusted_class(name: str) -> type | None:
    """Return the class of a trusted name; None for any other name, which is never imported.

    >>> trusted_class("torch.optim.Adam").__name__, trusted_class("EpisodicMemory").__name__
    ('Adam', 'EpisodicMemory')
    >>> [trusted_class(name) for name in ("os.system", "torch.hub.load", "LambdaCallback", "episodic.files.Path")]
    [None, None, None, None]
    """
    if not NAME.fullmatch(name):
        return None
    if "." not in name:
        return _short_names().get(name)
    module, _, attribute = name.rpartition(".")
    for package, names in LIGHTNING.items():
        if attribute in names and _within(module, package):
            return _attribute(package, attribute)
    if _within(module, OPTIMISERS):
        kind = _attribute(OPTIMISERS, attribute)
        return kind if kind is not None and issubclass(kind, torch.optim.Optimizer) else None
    kind = _attribute(module, attribute) if module.partition(".")[0] in PACKAGES else None
    return kind if kind is not None and _own(kind) else None


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _attribute(module: str, name: str) -> type | None:
    """Return a class of a module of this project, of Lightning or of torch."""
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return kind if inspect.isclass(kind) else None


def _own(kind: type) -> bool:
    """Whether a class is defined in a file of this project, and of a kind that a config may choose."""
    package = kind.__module__.partition(".")[0]
    if package not in PACKAGES or issubclass(kind, BaseException):
        return False
    home = Path(str(sys.modules[package].__file__)).resolve().parent
    if not Path(inspect.getfile(kind)).resolve().is_relative_to(home):
        return False
    return kind.__name__ in PLOTS or not issubclass(kind, Callback | pl.loggers.Logger)


@cache
def _short_names() -> dict[str, type]:
    """Map short names to classes, as the command line does."""
    names: dict[str, type] = {}
    for package in SHORT:
        module = importlib.import_module(package)
        kinds = (getattr(module, name) for name in module.__all__)
        names |= {kind.__name__: kind for kind in kinds if inspect.isclass(kind) and _own(kind)}
    for package, listed in LIGHTNING.items():
        for name in listed:
            if (kind := _attribute(package, name)) is not None:
                names[name] = kind
    return names


@cache
def arguments_of(kind: type) -> dict[str, Any]:
    """Map the names of a class's arguments to their types, those of its base classes included.

    >>> arguments_of(trusted_class("LinearSchedule"))["start"]
    <class 'float'>
    """
    types: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if "__init__" in vars(base):
            try:
                types |= get_type_hints(vars(base)["__init__"])
            except Exception:  # an annotation that cannot be resolved: its text is then not trusted
                continue
    types.pop("return", None)
    return types
