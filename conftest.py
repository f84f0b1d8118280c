"""Hooks of pytest: notebooks import the packages of this checkout, and the garbage collector leaves modules alone."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Put the checkout on the path of a notebook's kernel."""
    with pytest.MonkeyPatch.context() as patch:
        if item.path.suffix == ".ipynb":
            patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent))
        return (yield)


def pytest_collection_finish() -> None:
    """Spare the collector all that was imported: jobs of grids call it, and it would take a third of a second."""
    gc.collect()
    gc.freeze()
