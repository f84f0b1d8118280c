"""Faster imports of large libraries."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Collect no garbage while large libraries are imported.

    An import makes hundreds of thousands of objects that all stay. Looking through them again and again takes a fifth
    of the time that it takes to import torch and Lightning. They are left out of later collections, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
