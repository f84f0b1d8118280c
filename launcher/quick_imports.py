"""Faster imports of large libraries."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from typing import Any

#: Modules that torchmetrics imports for a few functions that are not used here; they take almost a second.
RARELY_USED = ("scipy.optimize", "scipy.signal", "torchvision", "torchvision.models", "torchvision.ops")


@contextmanager
def quick_imports() -> Iterator[None]:
    """Speed up imports of torch, torchmetrics and everything imported inside, unless Lightning is already imported.

    An import makes hundreds of thousands of objects that all stay. Looking for garbage among them again and again takes
    a fifth of the time that it takes to import torch and Lightning, so it is switched off. They are left out of later
    collections, too. What an earlier command left behind must be collected, so later calls change nothing.
    """
    if "pytorch_lightning" in sys.modules:
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _import_torchmetrics()
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _import_torchmetrics() -> None:
    """Import torchmetrics, which Lightning needs, without what it rarely uses; that is imported at its first use."""
    import torch  # noqa: F401  # first, so that torch itself finds all of its modules

    waiting = [name for name in RARELY_USED if name not in sys.modules and find_spec(name.split(".")[0])]
    sys.modules.update({name: Deferred(name) for name in waiting})  # type: ignore[misc]
    try:
        import torchmetrics  # noqa: F401
    finally:
        for name in waiting:
            del sys.modules[name]


class Deferred:
    """A module, or a part of one, that is imported when it is called.

    >>> sqrt = Deferred("math").sqrt
    >>> sqrt(9)
    3.0
    """

    def __init__(self, module: str, *names: str) -> None:
        self._module, self._names = module, names

    def __getattr__(self, name: str) -> "Deferred":
        if name.startswith("__"):
            raise AttributeError(name)
        return Deferred(self._module, *self._names, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        function: Any = reduce(getattr, self._names, import_module(self._module))
        return function(*arguments, **options)
