"""Notebooks run in separate processes and folders; they import the packages of this checkout."""

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
