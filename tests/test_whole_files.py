"""Every file that replaces another: a full disk leaves the old one whole, no temporary file, and one line."""

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from callbacks.npz import write_npz
from callbacks.pictures import log_picture
from callbacks.result_files import MetricsJSON
from episodic import files
from episodic.drawings.embedding_cache import cached_embeddings
from episodic.drawings.omniglot.cache import write_cache
from episodic.errors import InputError
from launcher.arguments import FORMAT
from launcher.export import _write
from launcher.runs.saved_config import SaveRunConfig


class Flat(nn.Module):
    """An embedder that flattens."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x.flatten(1)


def trainer(folder: Path) -> Any:
    return SimpleNamespace(
        is_global_zero=True, default_root_dir=str(folder), loggers=[], global_step=0, callback_metrics={"test/a": 1.0}
    )


def embeddings(folder: Path, number: int) -> None:
    cached_embeddings(Flat(), torch.full((2, 4, 4), number, dtype=torch.uint8), folder)


def config(folder: Path, number: int) -> None:
    class Parser:
        def dump(self, config: Any, **options: Any) -> str:
            return f"number: {number}"

    settings: Any = SimpleNamespace(ckpt_path=None, clone=lambda: SimpleNamespace())
    writer = SaveRunConfig(Parser(), settings, filled_in=[])
    writer.setup(trainer(folder), None, "fit")  # type: ignore[arg-type]


def exported(folder: Path, number: int) -> None:
    _write({folder / "a.ckpt": bytes([number]) * 9, folder / "a.md": bytes([number])}, overwrite=True)


WRITERS: dict[str, Callable[[Path, int], object]] = {
    "npz": lambda folder, n: write_npz(folder / "a.npz", {"x": [np.full(3, n)]}, compressed=False),
    "picture": lambda folder, n: log_picture(trainer(folder), Figure(figsize=(n, n)), "a"),
    "metrics": lambda folder, n: MetricsJSON().on_test_end(trainer(folder), None),  # type: ignore[arg-type]
    "embeddings": embeddings,
    "drawings": lambda folder, n: write_cache(folder / "a.npz", "", np.full((2, 4, 4), n, np.uint8)),
    "config": config,
    "export": exported,
}


@contextmanager
def full_disk(when: str) -> Iterator[None]:
    """Let files be no longer than 8 bytes, or let the disk refuse what was written once it is to be kept."""
    if when == "while writing":
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "_flush", _refuse)
            yield


def _refuse(path: Path) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("when", "complaint"), [("while writing", "File too large"), ("before replacing", "the disk is full")]
)
def test_a_full_disk_leaves_the_old_file(name: str, when: str, complaint: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path, 1)
    before = contents(tmp_path)
    assert before
    message = f"cannot be written: {complaint}"
    # drawings are decoded again where they cannot be kept
    warned = name == "drawings"
    expected: Any = pytest.warns(UserWarning, match=message) if warned else pytest.raises(InputError, match=message)
    with full_disk(when), expected:
        WRITERS[name](tmp_path, 2)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_config_of_before_is_kept(tmp_path: Path) -> None:
    for number in (1, 1, 2):
        config(tmp_path, number)
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts == {
        "config.yaml": f"{FORMAT}\nnumber: 2",
        "config_before_resume_0.yaml": f"{FORMAT}\nnumber: 1",
    }
