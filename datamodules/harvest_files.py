"""Harvests: the states that an agent's LSTM went through, with the context that each belongs to, in one file.

`callbacks.harvest_writer` writes it, for N episodes of T pulls by an LSTM of width H with cues of length C:

| array | | |
|---|---|---|
| `cell`, `hidden` | `[N, T, H]` float16 | what each pull would have led to if nothing had been reinstated at it |
| `label` | `[N]` int32 | the context |
| `exposure` | `[N]` int16 | how many times it has been met in its block, from 1 |
| `block` | `[N]` int32 | a number for each environment of each block |
| `episode` | `[N]` int16 | place in the block, from 0 |
| `cue` | `[N, C]` float16 | |
| `action` | `[N, T]` uint8 | |
| `reward` | `[N, T]` uint8 | float16 where it is not 0 or 1 |
| `provenance` | text | JSON, see `Provenance` |
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np
import torch
from torch import Tensor

from episodic.errors import InputError, require, require_choice

#: The only format there is so far.
FORMAT = "harvest-1"
#: The states that an encoder may be trained on.
STATES = ("cell", "hidden")
#: How whole numbers are stored, unless one is too large for that.
INTEGERS: dict[str, type[np.integer[Any]]] = {
    "label": np.int32,
    "exposure": np.int16,
    "block": np.int32,
    "episode": np.int16,
    "action": np.uint8,
}


class Provenance(TypedDict):
    """Where a harvest comes from, and its sizes."""

    format: str  # `FORMAT`
    checkpoint: str  # SHA-256 of the agent's checkpoint file
    config: str  # YAML of the agent's run, without paths
    label_count: int  # labels are below it
    fixed_labels: bool  # whether a label means the same context in every block
    hidden_size: int  # H
    pulls: int  # T
    arms: int


class Harvest(NamedTuple):
    """What a harvest file holds, with labels, exposures and the like as long."""

    cell: Tensor  # [N, T, H] float16; [N, T, 0] where it was not asked for
    hidden: Tensor  # [N, T, H] float16; [N, T, 0] where it was not asked for
    label: Tensor  # [N] long
    exposure: Tensor  # [N] long, from 1
    block: Tensor  # [N] long
    episode: Tensor  # [N] long, from 0
    cue: Tensor  # [N, C] float16
    action: Tensor  # [N, T] uint8
    reward: Tensor  # [N, T] uint8 or float16
    provenance: Provenance


def read_harvest(path: str, states: Sequence[str] = STATES) -> Harvest:
    """Read a harvest; nothing in it is ever run.

    Args:
        path: of the file.
        states: which states are read; they make up nearly all of a file.

    Raises:
        InputError: no such file; a damaged one; a file that is no harvest, or of another format; arrays that do not
            fit together.
    """
    for state in states:
        require_choice("state", state, STATES)
    wanted = [name for name in Harvest._fields if name not in STATES or name in states]
    arrays = _read_arrays(path, wanted)
    provenance = _read_provenance(path, str(arrays.pop("provenance")))
    count, pulls, size = arrays["label"].size, provenance["pulls"], provenance["hidden_size"]
    _check_shapes(path, arrays, count, pulls, size)
    whole = {name: array.astype(np.int64) for name, array in arrays.items() if array.ndim == 1}
    tensors = {name: torch.from_numpy(array) for name, array in {**arrays, **whole}.items()}
    _check_values(path, tensors, provenance)
    unread = {name: torch.empty(count, pulls, 0, dtype=torch.half) for name in STATES if name not in states}
    return Harvest(**tensors, **unread, provenance=provenance)


def _read_arrays(path: str, names: Sequence[str]) -> dict[str, Any]:
    remedy = "`python cli.py predict --ckpt_path RUN/checkpoints/best.ckpt` of an agent writes one"
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored]
            require(not missing, f"harvest {path} is no harvest: it lacks {', '.join(missing)}; {remedy}")
            return {name: np.asarray(stored[name]) for name in names}
    except FileNotFoundError as error:
        raise InputError(f"harvest {path} does not exist: {remedy}") from error
    except InputError:
        raise
    except Exception as error:  # what damaged bytes raise has no common base
        raise InputError(f"harvest {path} is damaged or no harvest: {remedy}") from error


def _read_provenance(path: str, text: str) -> Provenance:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"harvest {path} is damaged: its provenance is no JSON") from error
    require(isinstance(found, Mapping), f"harvest {path} is damaged: its provenance is no mapping")
    name = found.get("format")
    require(name == FORMAT, f"harvest {path} is of format {name!r}: {FORMAT!r} is what can be read")
    for key, kind in Provenance.__annotations__.items():
        require(type(found.get(key)) is kind, f"harvest {path} is damaged: its provenance has no {key} that can be")
    return cast(Provenance, dict(found))


def _check_shapes(path: str, arrays: Mapping[str, Any], count: int, pulls: int, size: int) -> None:
    """Raise `InputError` unless the arrays fit together, and are of the types that they should be."""
    require(count > 0, f"harvest {path} holds no episode: predict with predict_blocks above 0")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(STATES, (count, pulls, size))
    shapes |= dict.fromkeys(("label", "exposure", "block", "episode"), (count,))
    shapes |= dict.fromkeys(("action", "reward"), (count, pulls))
    for name, array in arrays.items():
        wanted = shapes.get(name, (count, *array.shape[-1:]))
        require(
            array.shape == wanted, f"harvest {path} is damaged: {name} has shape {array.shape}, it has to be {wanted}"
        )
        kinds = "f" if name in (*STATES, "cue") else "fiu" if name == "reward" else "iu"
        require(array.dtype.kind in kinds, f"harvest {path} is damaged: {name} is of type {array.dtype}")


def _check_values(path: str, tensors: Mapping[str, Tensor], provenance: Provenance) -> None:
    """Raise `InputError` where states are not finite, or labels and exposures are out of range."""
    for name in (*STATES, "cue"):
        finite = name not in tensors or bool(tensors[name].sum(dtype=torch.float64).isfinite())
        require(finite, f"harvest {path} is damaged: {name} holds numbers that are not finite")
    labels, count = tensors["label"], provenance["label_count"]
    require(
        bool(((labels >= 0) & (labels < count)).all()),
        f"harvest {path} is damaged: its labels have to lie between 0 and {count - 1}",
    )
    require(bool((tensors["exposure"] > 0).all()), f"harvest {path} is damaged: exposures count from 1")
