"""Checkpoint files: read without running code, replaced as a whole."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO

from episodic.checkpoints import read_checkpoint
from episodic.errors import require
from episodic.files import replacing


class CheckpointFiles(TorchCheckpointIO):
    """Read tensors and plain data only, and write beside the file that is replaced.

    Lightning writes to a temporary folder, and moves from there: across file systems that is a copy over the old file,
    which leaves half a file if the process is killed.

    Args:
        path: file of a checkpoint that was read before; None if there is none.
        checkpoint: its content, which is handed out once instead of reading the file again.
    """

    def __init__(self, path: str | None = None, checkpoint: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._read = {os.path.realpath(path): checkpoint} if path is not None and checkpoint is not None else {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        require("://" not in str(path), f"checkpoint {path} is an address: it must be a local file")
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(path) as temporary:
            temporary.write_bytes(content.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Callable[..., Any] | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return a checkpoint on the CPU; always read with `weights_only`, whatever the argument."""
        read = self._read.pop(os.path.realpath(path), None)
        return read_checkpoint(path) if read is None else read

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a file; never a folder, and never by a path that leads upwards."""
        path = Path(path)
        if ".." not in path.parts and path.is_file():
            path.unlink()
