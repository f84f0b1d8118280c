"""Checks of the tensors that a memory is given.

Shapes and dtypes cost nothing to check. Looking at the numbers themselves would make a CUDA device wait, so NaN,
infinite numbers and negative labels are refused on the CPU only.
"""

import math

import torch
from torch import Tensor

from episodic.errors import InputError


def check_tensor(name: str, given: object) -> None:
    """Raise `InputError` for a list, an array or a number."""
    if not isinstance(given, Tensor):
        raise InputError(f"{name} is of type {type(given).__name__}: it must be a tensor")


def check_vectors(name: str, vectors: Tensor, store: Tensor) -> None:
    """Raise `InputError` unless `vectors` is `[B, K]` and of the dtype of `store`, `[B, N, K]`."""
    check_tensor(name, vectors)
    batch, _, size = store.shape
    if vectors.shape != (batch, size):
        if batch == 0:
            raise InputError(f"{name} is given before reset: call reset(batch_size) before the first read or write")
        raise InputError(f"{name} has shape {tuple(vectors.shape)}: it must be {(batch, size)}")
    if vectors.dtype is not store.dtype:
        raise InputError(f"{name} is of {vectors.dtype}: the memory holds {store.dtype}, convert it first")


def check_labels(name: str, labels: Tensor, batch: int) -> None:
    """Raise `InputError` unless `labels` is `[B]` long, and on the CPU 0 or more."""
    check_tensor(name, labels)
    if labels.shape != (batch,):
        raise InputError(f"{name} has shape {tuple(labels.shape)}: it must be {(batch,)}")
    if labels.dtype is not torch.long:
        raise InputError(f"{name} is of {labels.dtype}: it must be of torch.int64")
    if labels.is_cpu and batch and labels.min().item() < 0:
        raise InputError(f"{name} is {labels.min().item()} in a row: it must be 0 or more")


def check_finite(name: str, numbers: Tensor) -> None:
    """Raise `InputError` if a number on the CPU is NaN or infinite; other devices are not waited for."""
    # One sum is quicker than looking at each number. It overflows at times, hence the second look.
    if numbers.is_cpu and not math.isfinite(numbers.sum().item()) and not numbers.isfinite().all():
        raise InputError(f"{name} holds NaN or infinite numbers: every number must be finite")
