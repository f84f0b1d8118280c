"""Checkpoint files, read without ever running code that they hold."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from episodic.checkpoints.limits import require_plain_file, require_stored_tensors
from episodic.errors import InputError, require


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read the tensors and plain data of a training stage's checkpoint, onto the CPU.

    Args:
        path: of a local file.

    Returns:
        The checkpoint's entries; `state_dict` is one of them.

    Raises:
        InputError: the file does not exist, is damaged, contains code, is not a checkpoint, or would take more memory
            than it is large.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     torch.save({"state_dict": {"weight": torch.ones(2)}, "epoch": 3}, f"{folder}/a.ckpt")
    ...     read_checkpoint(f"{folder}/a.ckpt")
    {'state_dict': {'weight': tensor([1., 1.])}, 'epoch': 3}
    """
    require("://" not in str(path), f"checkpoint {path} is an address: it must be a local file")
    path = Path(path)
    require(os.path.isfile(path), f"checkpoint {path} does not exist, or is not a file")
    require_plain_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch comments on files that are no checkpoints
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the exceptions that damaged bytes cause have no common base
        raise InputError(f"checkpoint {path} is damaged or is not a checkpoint") from error
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    require(
        isinstance(state, Mapping) and all(isinstance(name, str) for name in state),
        f"checkpoint {path} is not a checkpoint of a training stage: it has no state_dict",
    )
    require_stored_tensors(checkpoint, path)
    return dict(checkpoint)


def with_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Select the entries of a state dictionary under a prefix, and strip the prefix.

    >>> with_prefix({"network.weight": torch.ones(1), "head.weight": torch.zeros(1)}, "network.")
    {'weight': tensor([1.])}
    """
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
