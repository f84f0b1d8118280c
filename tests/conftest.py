"""Fixtures that several packages' tests share."""

from pathlib import Path

import pytest

from episodic.drawings.handwriting.archives import generate_omniglot

BACKGROUND = {"Anglic": 4, "Borean": 4, "Cimric": 4, "Doric": 4, "Elamic": 4, "Faroic": 4}
EVALUATION = {"Gaulic": 4, "Hunnic": 4, "Istrian": 4}


@pytest.fixture(scope="session")
def generated_omniglot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with generated drawings in Omniglot's layout: 24 background and 12 evaluation classes of 20."""
    root = tmp_path_factory.mktemp("omniglot")
    generate_omniglot(root, BACKGROUND, EVALUATION)
    return root
