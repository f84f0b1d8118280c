"""Faster imports of large libraries."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Collect no garbage while large libraries are imported.

    An import makes hundreds of thousands of objects that all stay. Looking through them again and again takes a fifth
    of the time that it takes to import torch and Lightning. They are left out of later collections, too.

    Nothing changes where Lightning is there already: what an earlier command left behind must be collected.
    """
    if "pytorch_lightning" in sys.modules:
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
