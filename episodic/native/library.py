"""The compiled kernels as Python functions, and the choice whether they are used."""

import ctypes
import os
from collections.abc import Sequence
from ctypes import POINTER, c_double, c_float, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from episodic.native.compiling import CompilationError, compiled

#: 0 switches the kernels off.
SWITCH = "EPISODIC_NATIVE"
SOURCE = Path(__file__).with_name("kernels.cpp")

Implementation = TypeVar("Implementation")


class LSTM(ctypes.Structure):
    """An episode of the episodic LSTM; see `kernels.cpp`."""

    _fields_ = (
        *((name, c_int64) for name in ("steps", "batch", "inputs", "size", "gate_count")),
        *((name, c_void_p) for name in ("weight", "bias", "packed", "joint", "cells", "gates")),
    )


class EpisodeCall(ctypes.Structure):
    """A whole episode; `Episode` in `kernels.cpp`."""

    _fields_ = (
        *((name, c_void_p) for name in ("uniform", "taken", "inputs")),
        *((name, c_int64) for name in ("input_step", "input_row", "feedback", "observation")),
        *((name, c_void_p) for name in ("step", "game", "rewards")),
        *((name, c_int64) for name in ("reward_step", "reward_row")),
        *((name, c_void_p) for name in ("squashed", "memory")),
    )


class Gradients(ctypes.Structure):
    """What backpropagation through time reads and writes; see `kernels.cpp`."""

    _fields_ = (
        ("joint", c_void_p),
        ("recalled", c_void_p),
        ("recalled_step", c_int64),
        *((name, c_void_p) for name in ("hidden", "weight", "bias", "by_inputs", "by_recalled")),
    )


class Heads(ctypes.Structure):
    """Actor and critic on an episode's hidden states; see `kernels.cpp`."""

    _fields_ = (
        *((name, c_int64) for name in ("steps", "batch", "size", "actions")),
        *((name, c_void_p) for name in ("weight", "bias", "hidden")),
        ("hidden_row", c_int64),
        ("packed", c_void_p),
    )


class ActorCriticCall(ctypes.Structure):
    """What the loss of an episode reads and writes; see `kernels.cpp`."""

    _fields_ = (
        ("taken", c_void_p),
        ("rewards", c_void_p),
        ("reward_row", c_int64),
        *((name, c_float) for name in ("discount", "trace", "value_weight", "entropy_weight")),
        *((name, c_void_p) for name in ("parts", "by_hidden", "by_weight", "by_bias")),
    )


class MemorySlots(ctypes.Structure):
    """The contents of a memory; `Slots` in `slots.hpp`."""

    _fields_ = (
        *((name, c_int64) for name in ("batch", "slots", "key_size", "value_size", "source_size", "kernel")),
        *((name, c_void_p) for name in ("keys", "key_scales", "values", "sources", "vacancy")),
        *((name, c_void_p) for name in ("labels", "written", "clock", "numbers", "used", "uses")),
        ("threshold", c_float),
        ("slack", c_float),
    )


class Write(ctypes.Structure):
    """What an episode stores after a step; see `kernels.cpp`."""

    _fields_ = (("after", c_int64), *((name, c_void_p) for name in ("key", "value", "label", "source")))


class MemoryCall(ctypes.Structure):
    """The reads and writes of an episode; `Memory` in `kernels.cpp`."""

    _fields_ = (
        ("slots", c_void_p),
        *((name, c_int64) for name in ("source", "seen")),
        *((name, c_void_p) for name in ("reads", "queries", "value", "label", "similarity", "slot")),
        ("writes", c_int64),
        ("write", c_void_p),
    )


class PayoffsGame(ctypes.Structure):
    """`Payoffs` in `games.hpp`."""

    _fields_ = (("actions", c_int64), ("payoffs", c_void_p))


class BanditGame(ctypes.Structure):
    """`Bandit` in `games.hpp`."""

    _fields_ = (
        *((name, c_int64) for name in ("contexts", "actions")),
        *((name, c_void_p) for name in ("context", "probabilities", "luck")),
    )


class CompositionalGame(ctypes.Structure):
    """`Compositional` in `games.hpp`."""

    _fields_ = tuple((name, c_void_p) for name in ("good", "attended", "probabilities", "luck"))


class MazeGame(ctypes.Structure):
    """`Maze` in `games.hpp`."""

    _fields_ = (
        ("actions", c_int64),
        *((name, c_void_p) for name in ("moves", "goals", "targets", "coordinates", "positions", "reached")),
    )


class TwoStepGame(ctypes.Structure):
    """`TwoStep` in `games.hpp`."""

    _fields_ = (
        ("per_trial", c_int64),
        *((name, c_void_p) for name in ("uncommon", "pays", "cued", "chosen", "states", "rewards")),
    )


class AdamCall(ctypes.Structure):
    """What a step of Adam reads and writes; see `kernels.cpp`."""

    _fields_ = (
        ("count", c_int64),
        *((name, c_void_p) for name in ("sizes", "weights", "gradients", "means", "squares", "steps")),
        *((name, c_double) for name in ("rate", "beta1", "beta2", "epsilon")),
    )


def addresses(tensors: Sequence[Tensor]) -> Any:
    """An array of where tensors lie in memory."""
    return (c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])


def sizes(tensors: Sequence[Tensor]) -> Any:
    """An array of how many numbers tensors hold."""
    return (c_int64 * len(tensors))(*[tensor.numel() for tensor in tensors])


#: Argument types of each function; those in `WITH_RESULT` return a whole number, the others nothing.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "lstm_packed_size": (c_int64, c_int64, c_int64),
    "heads_packed_size": (c_int64, c_int64),
    "lstm_pack": (POINTER(LSTM),),
    "lstm_begin": (POINTER(LSTM), c_int64),
    "lstm_finish": (POINTER(LSTM), c_int64, c_void_p),
    "lstm_gradients": (POINTER(LSTM), POINTER(Gradients)),
    "heads_pack": (POINTER(Heads),),
    "choose": (POINTER(Heads), c_int64, c_void_p, c_void_p, c_void_p, c_int64),
    "play": (POINTER(LSTM), POINTER(Heads), POINTER(EpisodeCall)),
    "actor_critic": (POINTER(Heads), POINTER(ActorCriticCall)),
    "recall": (POINTER(MemorySlots), *[c_void_p] * 5),
    "store_memory": (POINTER(MemorySlots), *[c_void_p] * 5),
    "clip_gradients": (c_int64, c_void_p, c_void_p, c_float),
    "adam": (POINTER(AdamCall),),
}
WITH_RESULT = ("lstm_packed_size", "heads_packed_size", "store_memory", "play")


@cache
def _loaded() -> tuple[ctypes.CDLL | None, str]:
    """The library, and in a few words what computes."""
    try:
        library = ctypes.CDLL(str(compiled(SOURCE)))
    except (CompilationError, OSError) as error:
        return None, f"PyTorch ({error})"
    for name, arguments in FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, c_int64 if name in WITH_RESULT else None
    return library, "native"


def dense(tensor: Tensor, like: Tensor) -> Tensor:
    """Give a tensor the shape and dtype of another, its numbers side by side; most are as they should be."""
    if tensor.shape == like.shape and tensor.dtype is like.dtype and tensor.is_contiguous():
        return tensor
    return tensor.to(like.dtype).expand_as(like).contiguous()


def kernels() -> ctypes.CDLL:
    """Return the compiled kernels, which `serves` says are there."""
    library, _ = _loaded()
    assert library is not None
    return library


@cache
def address_of(name: str) -> int:
    """Where a function of the kernels lies in memory."""
    return ctypes.cast(getattr(kernels(), name), c_void_p).value or 0


def serves(like: Tensor) -> bool:
    """Whether the kernels compute with tensors like this one: float32 on the CPU, where they could be compiled."""
    if like.dtype is not torch.float32 or not like.is_cpu or os.environ.get(SWITCH) == "0":
        return False
    return _loaded()[0] is not None


def pick(native: Implementation, otherwise: Implementation, like: Tensor) -> Implementation:
    """Return the native implementation if the kernels support tensors like this one, else the other.

    >>> pick("native", "PyTorch", torch.zeros(1, dtype=torch.float64))
    'PyTorch'
    """
    return native if serves(like) else otherwise


def arithmetic(device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> str:
    """Say what computes on a device: `native`, or `PyTorch` with the reason in brackets.

    >>> arithmetic("meta"), arithmetic("cpu", torch.float64)
    ('PyTorch (device meta)', 'PyTorch (float64)')
    """
    if torch.device(device).type != "cpu":
        return f"PyTorch (device {torch.device(device).type})"
    if dtype is not torch.float32:
        return f"PyTorch ({str(dtype).removeprefix('torch.')})"
    return f"PyTorch ({SWITCH}=0)" if os.environ.get(SWITCH) == "0" else _loaded()[1]
